/** What is killed from outside is reported as it is, and leaves nothing behind. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type GuestProcess, Sandbox } from '../../lib/index.js';
import { processesWith, until } from '../helpers/processes.js';

const folder = mkdtempSync(join(tmpdir(), 'barchan-killed-'));
const library = fileURLToPath(new URL('../../dist/index.js', import.meta.url));
let box: Sandbox;
beforeAll(async () => {
  box = await Sandbox.create({ isolation: 'none' });
});
afterAll(async () => {
  await box?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Marks the processes of one test in their command lines. */
let marks = 0;
const newMark = () => `86${process.pid}.${++marks}`;

/** Starts a program and waits until it has written its first line. */
async function started(argv: string[]): Promise<GuestProcess> {
  const guest = await box.spawn(argv, { stdio: ['ignore', 'pipe', 'ignore'] });
  await once(guest.stdout as Readable, 'data');
  return guest;
}

describe('a guest process killed by another process of the machine', () => {
  it.each(['SIGKILL', 'SIGTERM', 'SIGSEGV', 'SIGBUS', 'SIGABRT', 'SIGUSR1', 'SIGTRAP'] as const)(
    'dies by %s',
    async (signal) => {
      const guest = await started(['sh', '-c', 'echo ready; exec sleep 1000']);
      process.kill(guest.pid, signal);
      expect(await guest.exited).toMatchObject({ exitCode: null, signal, timedOut: false });
    },
  );

  it('while it computes, with threads', async () => {
    const code =
      'import threading\ndef f():\n while True: pass\n' +
      '[threading.Thread(target=f).start() for _ in range(4)]\nprint("ready", flush=True)';
    const guest = await started(['/usr/bin/python3', '-c', code]);
    process.kill(guest.pid, 'SIGKILL');
    expect(await guest.exited).toMatchObject({ exitCode: null, signal: 'SIGKILL' });
    expect(existsSync(`/proc/${guest.pid}`)).toBe(false);
  });

  it('is seen by its guest parent', async () => {
    const mark = newMark();
    const guest = await started(['sh', '-c', `sleep ${mark} & echo ready; wait $!; exit $?`]);
    await until(() => processesWith(`sleep\0${mark}`).length === 1);
    process.kill(processesWith(`sleep\0${mark}`)[0] as number, 'SIGKILL');
    expect(await guest.exited).toMatchObject({ exitCode: 137, signal: null });
  });
});

describe('Node killed', () => {
  it('leaves no process of its sandboxes', async () => {
    const mark = newMark();
    const script = join(folder, 'many.mjs');
    writeFileSync(
      script,
      `import { Sandbox } from ${JSON.stringify(library)};
const box = await Sandbox.create();
for (let i = 0; i < 5; i++) await box.spawn(['sh', '-c', 'sleep ${mark} & setsid sleep ${mark} & sleep ${mark}; :']);
`,
    );
    const node = spawn(process.execPath, [script], { stdio: 'ignore' });
    await until(() => processesWith(`sleep\0${mark}`).length === 15);
    node.kill('SIGKILL');
    await until(() => processesWith(mark).length === 0);
  });

  /** Kills `command` after `delayMs` (-1: not) and returns what is left of it some seconds later. */
  const leftOf = (delayMs: number, seconds: number, ...command: string[]): string => {
    const helper = fileURLToPath(new URL('../helpers/subreaper.py', import.meta.url));
    const temporary = join(folder, 'tmp');
    mkdirSync(temporary, { recursive: true });
    const { stdout, stderr } = spawnSync(
      '/usr/bin/python3',
      [helper, String(delayMs), String(seconds), ...command],
      { encoding: 'utf8', env: { ...process.env, TMPDIR: temporary } },
    );
    expect(readdirSync(temporary)).toEqual([]);
    return stdout + stderr;
  };

  it('is seen by the helper of the next test when it leaves a process', () => {
    expect(leftOf(-1, 1, 'sh', '-c', 'setsid sleep 1000 &')).toBe('1 sleep\n');
  });

  // Starts, forks, new sessions and ends all the time, four at a time: a kill can hit every stage of each.
  it('at 30 random moments leaves no process and no file', () => {
    const script = join(folder, 'busy.mjs');
    writeFileSync(
      script,
      `import { Sandbox } from ${JSON.stringify(library)};
const box = await Sandbox.create();
const program = ['sh', '-c', '(setsid sleep 1000 &); (sleep 1000 &); echo x | cat; kill $$'];
for (let i = 0; i < 4; i++) (async () => { for (;;) await box.exec(program, { input: 'x' }); })();
`,
    );
    for (let round = 0; round < 30; round++) {
      const delayMs = Math.round(Math.random() * (round < 15 ? 300 : 1500));
      expect(leftOf(delayMs, 30, process.execPath, script), `killed after ${delayMs} ms`).toBe('0\n');
    }
  }, 180_000);
});
