/** Many at once: memory and start of one more idle sandbox, and computing threads. */
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Sandbox } from '../../dist/index.js';
import { figure, reason, sideBySide } from '../measure.mjs';
import { absent, busyboxContainers, output, root, scheduling, ways } from '../peers.mjs';

export const group = 'Many at once';
export const unit = '';

const counts = [1, 10, 50, 100, 200];
/** gVisor's take some 40 MiB and much processor time each. */
const most = new Map([['runsc (ptrace)', 50]]);
/** So that what else the machine's memory is taken and given back for does not count. */
const manyEnough = 50;
/** For what is freed late to be free before the next counts what there is. */
const settleMs = 400;

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
      sum += Number(/^Pss:\s+(\d+)/m.exec(rollup)?.[1] ?? 0);
    } catch {
      // It has ended meanwhile.
    }
  }
  return sum;
}

/** Kilobytes that programs could still have: the kernel's own memory, which no process shows, is gone from it too. */
const memoryLeft = () => Number(/^MemAvailable:\s+(\d+)/m.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1]);

/**
 * @typedef {object} Idle
 * @property {() => Promise<void>} end
 */

const idle = ['/bin/busybox', 'sh', '-c', 'echo up; exec /bin/busybox sleep 1000'];

/** Until it says that it is there. @param {import('node:stream').Readable} stream */
const up = (stream) =>
  new Promise((resolve, reject) => {
    stream.once('data', resolve);
    stream.once('close', () => reject(new Error('it ended before it was up')));
  });

/** @param {readonly string[]} command @param {() => Promise<void>} [remove] @returns {Promise<Idle>} */
async function started([file, ...args], remove = async () => {}) {
  const child = spawn(/** @type {string} */ (file), args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const gone = new Promise((resolve) => child.once('close', resolve));
  let stderr = '';
  child.stderr.on('data', (chunk) => {
    if (stderr.length < 1000) stderr += chunk;
  });
  child.once('error', () => {});
  await up(child.stdout).catch((error) => {
    throw new Error(`${error.message}: ${stderr}`);
  });
  return {
    end: async () => {
      await remove();
      child.kill('SIGKILL');
      await gone;
    },
  };
}

/** @param {'none' | 'full'} isolation @returns {Promise<Idle>} */
async function boxed(isolation) {
  const box = await Sandbox.create({ isolation });
  const guest = await box.spawn(idle, { stdio: ['ignore', 'pipe', 'pipe'] });
  await up(guest.stdout);
  return { end: () => box.close() };
}

/** Memory and time of each of `count`. @param {() => Promise<Idle>} one @param {number} count */
async function many(one, count) {
  const [below, left] = [memoryBelow(), memoryLeft()];
  const begin = performance.now();
  const all = await Promise.allSettled(Array.from({ length: count }, one));
  const took = performance.now() - begin;
  try {
    for (const each of all) if (each.status === 'rejected') throw each.reason;
    await sleep(settleMs);
    return {
      processes: (memoryBelow() - below) / count,
      machine: (left - memoryLeft()) / count,
      start: took / count,
    };
  } finally {
    await Promise.all(all.map((each) => (each.status === 'fulfilled' ? each.value.end() : undefined)));
    await sleep(settleMs);
  }
}

/** @param {{ rounds: number, only: (name: string) => boolean }} options */
async function* memory({ rounds, only }) {
  const words = 'idle sandboxes';
  if (!only(words)) return;
  // What ends a process and its virtual machine are workers of the kernel, which 200 of them that go before all else would starve.
  if (scheduling !== 'normal')
    execFileSync('chrt', ['--all-tasks', '--other', '--pid', '0', String(process.pid)], { stdio: 'ignore' });
  const { found, remove } = busyboxContainers(idle.slice(1));
  const host = ways();
  /** @type {Map<string, () => Promise<Idle>>} */
  const kinds = new Map([
    ['native', () => started(idle)],
    ['box, a plain process', () => boxed('none')],
    ['box, isolated', () => boxed('full')],
  ]);
  const bwrap = host.get('bwrap');
  if (bwrap) kinds.set('bwrap', () => started(bwrap.command(idle)));
  for (const [name, make] of found)
    kinds.set(name, () => {
      const { command, remove: end } = make();
      return started(command, end);
    });
  const results = [
    { part: /** @type {const} */ ('processes'), says: 'memory of its processes', unit: 'KiB each' },
    {
      part: /** @type {const} */ ('machine'),
      says: "memory of the machine, the kernel's included",
      unit: 'KiB each',
    },
    { part: /** @type {const} */ ('start'), says: 'start, all at once', unit: 'ms each' },
  ];
  try {
    for (const count of counts) {
      /** @type {Record<string, string>} */
      const failed = {};
      /** @type {Map<string, Awaited<ReturnType<typeof many>>[]>} */
      const samples = new Map();
      // The first start of a kind brings its files into memory.
      for (
        let round = count === counts[0] ? -1 : 0;
        round < (count <= 10 ? Math.min(rounds, 5) : 1);
        round++
      ) {
        for (const [name, one] of kinds) {
          if (failed[name] !== undefined || count > (most.get(name) ?? count)) continue;
          try {
            const sample = await many(one, count);
            if (round >= 0) samples.set(name, [...(samples.get(name) ?? []), sample]);
          } catch (error) {
            failed[name] = reason(error);
          }
        }
      }
      for (const { part, says, unit: of } of results) {
        if (part === 'machine' && count < manyEnough) continue;
        const figures = Object.fromEntries(
          [...samples].map(([name, all]) => [name, figure(all.map((sample) => sample[part]))]),
        );
        const named = { name: `${count} ${words}: ${says}`, series: `Idle sandboxes: ${says}`, at: count };
        yield { ...named, unit: of, of: 'box, isolated', figures, failed };
      }
    }
  } finally {
    remove();
  }
}

/** @param {{ rounds: number, only: (name: string) => boolean }} options */
export async function* run({ rounds, only }) {
  const folder = mkdtempSync(join(tmpdir(), 'barchan-scale-'));
  try {
    const program = join(folder, 'threads');
    execFileSync('cc', ['-O1', '-pthread', '-o', program, join(root, 'bench/programs/threads.c')]);
    const found = ways();
    for (const count of [1, 2, 4, 8, 16, 32, 64]) {
      const name = `${count} computing threads`;
      if (!only(name)) continue;
      const measured = new Map(
        [...found].map(([way, { command }]) => [
          way,
          async () => Number(await output(command([program, String(count)]))),
        ]),
      );
      const named = { name, series: 'Computing threads', at: count, unit: 'ms' };
      yield { ...named, ...(await sideBySide(measured, Math.ceil(rounds / 2))) };
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  if (absent(['/bin/busybox']).length > 0)
    yield { name: 'idle sandboxes', skipped: '/bin/busybox is not installed' };
  else yield* memory({ rounds, only });
}
