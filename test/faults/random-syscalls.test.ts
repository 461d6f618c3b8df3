/**
 * Random system calls by a guest (test/fuzz/syscalls) leave the monitor, Node and other guests alive, and show
 * nothing of the monitor. BARCHAN_FUZZ_SEED and BARCHAN_FUZZ_CALLS choose another run.
 */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Sandbox } from '../../lib/index.js';
import { compileGuestFuzzer } from '../helpers/guest-fuzzer.mjs';
import { processesWith, until } from '../helpers/processes.js';

interface Summary {
  calls: number;
  numbers: number;
  numbersSucceeded: number;
  stuck: number;
  broken: number;
  leaks: number;
}

const seed = process.env.BARCHAN_FUZZ_SEED ?? '20260';
const calls = Number(process.env.BARCHAN_FUZZ_CALLS ?? 24_000);
const folder = mkdtempSync(join(tmpdir(), 'barchan-fuzz-'));
const scratch = join(folder, 'scratch');
let fuzzer: string;
let box: Sandbox;

beforeAll(async () => {
  fuzzer = compileGuestFuzzer(folder);
  mkdirSync(scratch);
  chmodSync(scratch, 0o777); // the fuzzer becomes nobody
  box = await Sandbox.create({ isolation: 'none' });
});
afterAll(async () => {
  await box?.close();
  // The fuzzer makes folders that cannot be entered, not even by who owns them.
  execFileSync('chmod', ['-R', 'u+rwX', folder]);
  rmSync(folder, { recursive: true, force: true });
});

it('the fuzzer finds what must not be there', async () => {
  const result = await box.exec([fuzzer, 'check'], { cwd: scratch });
  expect(result).toMatchObject({ exitCode: 0, signal: null });
  expect(result.stdout).toMatch(/LEAK: call 0 left 0x7f1fa1b2c3d0/);
  expect(result.stdout).toMatch(/LEAK: descriptor 260 exists/);
  expect(result.stdout).toMatch(/LEAK: descriptor 260 can be polled/);
  expect(result.stdout).toMatch(/LEAK: \/proc\/self\/fd has 260/);
});

it(`${calls} random system calls, seed ${seed}`, async () => {
  const bystander = await box.spawn(['cat'], { stdio: ['pipe', 'pipe', 'inherit'] });
  const echo = async (text: string): Promise<void> => {
    const answer = once(bystander.stdout as Readable, 'data');
    (bystander.stdin as Writable).write(text);
    expect(String((await answer)[0])).toBe(text);
  };
  await echo('before');
  const result = await box.exec([fuzzer, seed, String(calls)], { cwd: scratch, timeoutMs: 280_000 });
  const lines = result.stdout.trim().split('\n');
  const summary = JSON.parse(lines.pop() as string) as Summary;
  console.log(`random system calls: ${JSON.stringify(summary)}`);
  expect(lines, `standard error: ${result.stderr.slice(-2000)}`).toEqual([]);
  expect(result).toMatchObject({ exitCode: 0, signal: null, timedOut: false });
  expect(summary).toMatchObject({ leaks: 0, broken: 0 });
  expect(summary.calls).toBeGreaterThanOrEqual(calls);
  if (calls >= 24_000) {
    expect(summary.numbers).toBeGreaterThan(440);
    expect(summary.numbersSucceeded).toBeGreaterThan(110);
  }
  await until(() => processesWith(fuzzer).length === 0);
  await echo('after');
  (bystander.stdin as Writable).end();
  expect(await bystander.exited).toMatchObject({ exitCode: 0, signal: null });
  expect(await box.exec(['echo', 'alive'])).toMatchObject({ exitCode: 0, stdout: 'alive\n' });
}, 300_000);
