/** What the smallest operations cost: each bench/micro/*.c prints nanoseconds. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { sideBySide } from '../measure.mjs';
import { output, prefixes, root } from '../peers.mjs';

export const group = 'Single operations';
export const unit = 'ns';

/** At most, by SPECIFICATION.md. */
const targets = { getppid: 6, read: 6, stat: 4, touch: 3, mmap: 10, fork: 2.5, vfork: 5 };

/** @param {{ rounds: number, only: (name: string) => boolean }} options */
export async function* run({ rounds, only }) {
  const sources = join(root, 'bench/micro');
  const folder = mkdtempSync(join(tmpdir(), 'barchan-bench-'));
  try {
    for (const file of readdirSync(sources).filter((name) => name.endsWith('.c'))) {
      const name = basename(file, '.c');
      if (!only(name)) continue;
      const program = join(folder, name);
      execFileSync('cc', ['-O2', '-std=gnu17', '-o', program, join(sources, file)]);
      const ways = new Map(
        ['native', 'barchan'].map((way) => {
          const [command, ...args] = [...(prefixes[way] ?? []), program];
          return [way, () => Number(output(/** @type {string} */ (command), args))];
        }),
      );
      yield {
        name,
        target: targets[/** @type {keyof typeof targets} */ (name)],
        ...(await sideBySide(ways, rounds)),
      };
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
