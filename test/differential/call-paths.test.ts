/**
 * The ways by which a system call reaches the host (docs/adr/0013-ring.md), each forced on and off: programs that a mistake
 * in one of them would show in behave as they do natively by every one.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { callPathFlags } from '../../lib/launch.js';
import { startFlags } from '../../lib/start-blob.js';
import { expectSame } from '../helpers/differential.js';
import { compileGuest, guestPrograms } from '../helpers/guest-programs.mjs';

const folder = mkdtempSync(join(tmpdir(), 'barchan-paths-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const chosen = [
  /^call_/,
  /^cpu_syscall_registers$/,
  /^file_basic$/,
  /^memory_mprotect$/,
  /^poll_pipe$/,
  /^process_(exec_state|exec_thread|fork_threads|limits|vfork)$/,
  /^seccomp_(filters|threads)$/,
  /^signal_(blocked_faults|nested|restart|storm|thread_exit|threads|trap_flag)$/,
  /^thread_(cancel|exit_races)$/,
  /^time_usage$/,
];
const programs = guestPrograms().filter(({ name }) => chosen.some((pattern) => pattern.test(name)));

it('finds its programs', () => expect(programs.length).toBeGreaterThanOrEqual(20));

for (const ring of ['on', 'off']) {
  for (const patch of ['on', 'off']) {
    // So that each two of the three are combined in every way, and all three at once.
    const answers = ring === patch ? 'on' : 'off';
    describe(`ring ${ring}, patched sites ${patch}, answers ${answers}`, () => {
      for (const program of programs) {
        it(
          program.name,
          async () => {
            const path = await compileGuest(
              program,
              program.links.includes('dynamic') ? 'dynamic' : 'static',
            );
            await expectSame([path, ...program.args], {
              cwd: folder,
              timeoutMs: program.timeoutMs,
              env: {
                TMPDIR: folder,
                BARCHAN_RING: ring,
                BARCHAN_PATCH: patch,
                BARCHAN_ANSWERS: answers,
              },
            });
          },
          program.timeoutMs * 2 + 30_000,
        );
      }
    });
  }
}

it('uses the ring by itself, but where processor time or tasks are limited', () => {
  expect(callPathFlags({})).toBe(startFlags.ringAuto);
  expect(callPathFlags({}, true)).toBe(0);
  expect(callPathFlags({ BARCHAN_RING: 'on', BARCHAN_PATCH: 'off' }, true)).toBe(
    startFlags.ringOn | startFlags.patchOff,
  );
});

it('answers in the guest whatever is limited, unless every call is to leave it', () => {
  expect(callPathFlags({ BARCHAN_RING: 'off' })).toBe(startFlags.answersOff);
  expect(callPathFlags({ BARCHAN_RING: 'off', BARCHAN_ANSWERS: 'auto' })).toBe(0);
  expect(callPathFlags({ BARCHAN_ANSWERS: 'off' })).toBe(startFlags.ringAuto | startFlags.answersOff);
  expect(callPathFlags({ BARCHAN_ANSWERS: 'on' }, true)).toBe(startFlags.answersOn);
});

it('refuses other words', () => {
  expect(() => callPathFlags({ BARCHAN_RING: 'perhaps' })).toThrow('BARCHAN_RING is "perhaps"');
});
