/**
 * Any process of a sandbox's life is killed or stopped at a random moment: nothing is left, and the caller gets a typed
 * error or a true result in time. BARCHAN_SEED repeats a run; BARCHAN_KILL_POINTS sets how many moments there are.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, it } from 'vitest';
import { findParents, NoParent } from '../../lib/cgroup.js';
import { errorCodes } from '../../lib/index.js';

const count = Number(process.env.BARCHAN_KILL_POINTS ?? 320);
const seed = Number(process.env.BARCHAN_SEED ?? Math.floor(Math.random() * 2 ** 31));
const here = (name: string): string => fileURLToPath(new URL(`../helpers/${name}`, import.meta.url));
const library = fileURLToPath(new URL('../../dist/index.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'barchan-kill-points-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Repeatable numbers from 0 to 1 (mulberry32). */
function random(from: number): () => number {
  let state = from;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Step {
  name: string;
  ms: number;
  code?: string;
  untyped?: string;
  exitCode?: number | null;
  signal?: string | null;
  timedOut?: boolean;
  stdout?: string;
}
interface Outcome {
  victim: string;
  signals: string;
  late: boolean;
  seconds: number;
  status: number;
  output: string;
  left: string[];
  groups: string[];
}

const grouped = findParents(['memory', 'pids'], undefined).every(
  ({ parent }) => !(parent instanceof NoParent),
);
const lives: object[] = [
  {},
  { rootfs: { directory: '/', writable: 'tmpfs' }, network: 'loopback' },
  { limits: { wallMs: 20_000, ...(grouped ? { memory: '256m', pids: 60 } : {}) } },
  { isolation: 'none' },
];
// A stopped process costs the seconds of patience that it is given.
const signals = ['KILL', 'KILL', 'KILL', 'KILL', 'TERM', 'TERM', 'STOP', 'STOP+KILL'];

async function point(next: () => number): Promise<{ what: string; problems: string[]; victim: string }> {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(next() * list.length)] as T;
  const delay = Math.round(next() * next() * 900);
  const choice = Math.floor(next() * 1000);
  const [sent, life] = [pick(signals), pick(lives)];
  const child = spawn(
    '/usr/bin/python3',
    [
      here('kill-point.py'),
      ...[String(delay), String(choice), sent, '30'],
      ...[process.execPath, here('kill-point-driver.mjs'), library, JSON.stringify(life)],
    ],
    { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, TMPDIR: folder } },
  );
  const outcome = JSON.parse(await text(child.stdout)) as Outcome;
  const { victim, late, left, groups, output, status } = outcome;
  const problems: string[] = [];
  if (late) problems.push('the caller still waited after 30 s');
  if (left.length > 0) problems.push(`processes are left: ${left.join()}`);
  if (groups.length > 0) problems.push(`groups are left: ${groups.join()}`);
  if (!victim.startsWith('node') && !late) {
    if (status !== 0) problems.push(`Node ended with ${status}: ${output}`);
    else problems.push(...judge(output));
  }
  const what = `${victim} ${outcome.signals} after ${delay} ms of ${JSON.stringify(life)}, choice ${choice}`;
  return { what, problems, victim };
}

/** What is no typed error and no true result in what the driver tells. */
function judge(output: string): string[] {
  const { steps, held } = JSON.parse(output.trim().split('\n').at(-1) ?? '') as {
    steps: Step[];
    held: string[];
  };
  const problems = held.map((link) => `Node still holds ${link}`);
  for (const { name, code, untyped, exitCode, signal, timedOut, stdout, ms } of steps) {
    if (untyped !== undefined) problems.push(`${name} threw ${untyped}`);
    if (code !== undefined && !(errorCodes as readonly string[]).includes(code))
      problems.push(`${name}: ${code}`);
    if (ms > 15_000) problems.push(`${name} took ${ms} ms`);
    if (stdout === undefined || code !== undefined) continue;
    const ended = exitCode === 0 ? stdout === 'child\nstatus 0\n' : (exitCode ?? 0) > 0 || signal !== null;
    if (!ended || (timedOut && exitCode === 0))
      problems.push(`${name} is no true result: ${JSON.stringify({ exitCode, signal, timedOut, stdout })}`);
  }
  return problems;
}

it(`at ${count} random moments nothing is left, and the caller knows (BARCHAN_SEED=${seed})`, async () => {
  console.log(`BARCHAN_SEED=${seed}`);
  const mounts = readFileSync('/proc/self/mounts', 'utf8');
  const victims = new Map<string, number>();
  const failed: string[] = [];
  let started = 0;
  const worker = async (): Promise<void> => {
    // A life that was over before its moment came counts for nothing.
    while (started - (victims.get('nobody') ?? 0) < count && started < 3 * count) {
      const { what, problems, victim } = await point(random(seed + started++));
      victims.set(victim, (victims.get(victim) ?? 0) + 1);
      if (problems.length > 0) failed.push(`${what}: ${problems.join('; ')}`);
    }
  };
  await Promise.all(Array.from({ length: 3 * availableParallelism() }, worker));
  console.log(Object.fromEntries([...victims].sort()));
  expect(failed).toEqual([]);
  expect(started - (victims.get('nobody') ?? 0)).toBeGreaterThanOrEqual(count);
  for (const kind of ['node', 'barchan-keeper', 'barchan-super', 'barchan-init', 'sh', 'sleep'])
    expect(victims.get(kind), kind).toBeGreaterThan(0);
  expect(readFileSync('/proc/self/mounts', 'utf8')).toBe(mounts);
  expect(readdirSync(folder)).toEqual([]);
}, 900_000);
