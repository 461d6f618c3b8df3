/** Every test/guest/*.c: the native run is the oracle for the run under Barchan. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { expectSame } from '../helpers/differential.js';
import { compileGuest, guestPrograms } from '../helpers/guest-programs.mjs';
import { knownDifferences } from './known-differences.js';

/** Programs that see that a policy is in force: it sets no_new_privs, which is not taken back. */
const withoutPolicy: Record<string, string> = {};

const folder = mkdtempSync(join(tmpdir(), 'barchan-guest-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('guest programs behave as they do natively', () => {
  const programs = guestPrograms();

  it('are many', () => expect(programs.length).toBeGreaterThanOrEqual(60));

  for (const program of programs) {
    for (const link of program.links) {
      it(
        `${program.name} (${link}): ${program.shows}`,
        async (context) => {
          const reason = knownDifferences[program.name];
          if (reason) context.skip(reason);
          const path = await compileGuest(program, link);
          // The static ones under a policy, so that the monitor's own filter lets everything through that it needs.
          const confined = link === 'static' && !withoutPolicy[program.name];
          await expectSame([path, ...program.args], {
            cwd: folder,
            env: { TMPDIR: folder },
            timeoutMs: program.timeoutMs,
            flags: confined ? ['--policy', 'compat'] : [],
          });
        },
        program.timeoutMs * 2 + 30_000,
      );
    }
  }
});
