/** What is killed from outside is reported as it is, and leaves nothing behind. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
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
  box = await Sandbox.create();
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
});

describe('many at once', () => {
  it('200 programs', async () => {
    const all = Array.from({ length: 200 }, (_, i) => box.exec(['sh', '-c', `echo ${i}; exit ${i % 100}`]));
    const results = await Promise.all(all);
    for (const [i, result] of results.entries()) {
      expect(result).toMatchObject({ exitCode: i % 100, stdout: `${i}\n`, stderr: '' });
    }
  }, 300_000);
});
