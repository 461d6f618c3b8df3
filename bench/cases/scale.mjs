/** Many at once: memory of one more idle sandbox, and throughput of computing threads. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Sandbox } from '../../dist/index.js';
import { figure, sideBySide } from '../measure.mjs';
import { output, prefixes } from '../peers.mjs';

export const group = 'Many at once';
export const unit = '';

/** Kilobytes that the processes below this one have for themselves or share with others, in fair parts (man 5 proc, Pss). */
function memoryBelow() {
  let sum = 0;
  const below = new Set([process.pid]);
  const parents = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .toSorted((a, b) => a - b);
  for (const pid of parents) {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
      if (!below.has(parent)) continue;
      below.add(pid);
      const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
      sum += Number(/^Pss:\s+(\d+)/m.exec(rollup)?.[1]);
    } catch {
      // It has ended meanwhile.
    }
  }
  return sum;
}

const threads = `
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
static void* work(void* n) {
  volatile unsigned long x = 1;
  for (long i = 0; i < (long)n; i++) x = x * 6364136223846793005 + 1442695040888963407;
  return NULL;
}
int main(int argc, char** argv) {
  int count = atoi(argv[1]);
  pthread_t t[64];
  struct timespec a, b;
  clock_gettime(CLOCK_MONOTONIC, &a);
  for (int i = 0; i < count; i++) pthread_create(&t[i], NULL, work, (void*)(200000000L / count));
  for (int i = 0; i < count; i++) pthread_join(t[i], NULL);
  clock_gettime(CLOCK_MONOTONIC, &b);
  printf("%f\\n", (b.tv_sec - a.tv_sec) * 1e3 + (b.tv_nsec - a.tv_nsec) / 1e6);
}
`;

/** @param {{ rounds: number, only: (name: string) => boolean }} options */
export async function* run({ rounds, only }) {
  for (const isolation of /** @type {const} */ (['none', 'full'])) {
    const counts = [1, 10, 50, 100, 200];
    for (const count of counts) {
      const name = `memory of a sandbox, isolation ${isolation}, ${count} at once`;
      if (!only(name)) continue;
      const before = memoryBelow();
      const start = performance.now();
      const boxes = await Promise.all(Array.from({ length: count }, () => Sandbox.create({ isolation })));
      const guests = await Promise.all(boxes.map((box) => box.spawn(['/bin/busybox', 'sleep', '1000'])));
      const took = (performance.now() - start) / count;
      await new Promise((resolve) => setTimeout(resolve, 500));
      const each = (memoryBelow() - before) / count;
      for (const guest of guests) guest.kill('SIGKILL');
      await Promise.all(boxes.map((box) => box.close()));
      yield {
        name,
        unit: 'KiB each; ms to start each',
        figures: { barchan: figure([each]), 'ms to start each': figure([took]) },
        failed: {},
      };
    }
  }
  const folder = mkdtempSync(join(tmpdir(), 'barchan-scale-'));
  try {
    const program = join(folder, 'threads');
    writeFileSync(`${program}.c`, threads);
    execFileSync('cc', ['-O1', '-pthread', '-o', program, `${program}.c`]);
    for (const count of [1, 2, 8, 64]) {
      const name = `${count} computing threads`;
      if (!only(name)) continue;
      const ways = new Map(
        ['native', 'barchan'].map((way) => {
          const [file, ...args] = [...(prefixes[way] ?? []), program, String(count)];
          return [way, () => Number(output(/** @type {string} */ (file), args))];
        }),
      );
      yield { name, unit: 'ms', ...(await sideBySide(ways, Math.max(3, rounds >> 1))) };
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
