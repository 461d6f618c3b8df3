/** What the smallest operations cost: each bench/micro/*.c prints nanoseconds. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { sideBySide } from '../measure.mjs';
import { output, root, ways } from '../peers.mjs';

export const group = 'Single operations';
export const unit = 'ns';

/** In the order of the report; at most, by issue and SPECIFICATION.md. @type {Record<string, { says: string, target?: number }>} */
const cases = {
  getppid: { says: 'getppid, glibc', target: 6 },
  getpid: { says: 'getpid, glibc', target: 6 },
  read: { says: 'read of one byte, glibc', target: 6 },
  stat: { says: 'stat, glibc', target: 4 },
  syscall: { says: 'getppid by a SYSCALL that cannot be patched' },
  touch: { says: 'first write to a page', target: 3 },
  mmap: { says: 'mmap, write, munmap of 64 KiB', target: 10 },
  fork: { says: 'fork, exit, wait', target: 2.5 },
  vfork: { says: 'vfork, exec, exit, wait', target: 5 },
};

/** @param {{ rounds: number, only: (name: string) => boolean }} options */
export async function* run({ rounds, only }) {
  const sources = join(root, 'bench/micro');
  const unknown = readdirSync(sources).filter((file) => file.endsWith('.c') && !cases[basename(file, '.c')]);
  if (unknown.length > 0) throw new Error(`bench/cases/micro.mjs does not say what ${unknown} measures`);
  const folder = mkdtempSync(join(tmpdir(), 'barchan-bench-'));
  const found = ways();
  try {
    for (const [file, { says: name, target }] of Object.entries(cases)) {
      if (!only(name) && !only(file)) continue;
      const program = join(folder, file);
      execFileSync('cc', ['-O2', '-std=gnu17', '-o', program, join(sources, `${file}.c`)]);
      const measured = new Map(
        [...found].map(([way, { command }]) => [way, async () => Number(await output(command([program])))]),
      );
      yield { name, target, ...(await sideBySide(measured, rounds)) };
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
