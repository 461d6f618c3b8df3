import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type GuestProcess, Sandbox } from '../../lib/index.js';
import { processesWith, until } from '../helpers/processes.js';

let box: Sandbox;
let folder = '';
beforeAll(async () => {
  box = await Sandbox.create({ isolation: 'none' });
  folder = mkdtempSync(join(tmpdir(), 'barchan-spawn-'));
});
afterAll(async () => {
  await box?.close();
  rmSync(folder, { recursive: true });
});

const stdout = (guest: GuestProcess): NonNullable<GuestProcess['stdout']> => {
  if (!guest.stdout) throw new Error('stdout is no pipe');
  return guest.stdout;
};

describe('spawn', () => {
  it('gives streams, the pid, and the end', async () => {
    const guest = await box.spawn(['sh', '-c', 'echo $$; read line; echo got $line']);
    expect(guest.stderr).not.toBeNull();
    guest.stdin?.end('something\n');
    expect(await text(stdout(guest))).toBe(`${guest.pid}\ngot something\n`);
    expect(await guest.exited).toMatchObject({ exitCode: 0, signal: null });
    expect(guest.kill()).toBe(false);
  });

  it('sends signals', async () => {
    const script = 'trap "echo usr1" USR1; echo ready; while :; do sleep 0.05; done';
    const guest = await box.spawn(['sh', '-c', script]);
    await once(stdout(guest), 'data');
    expect(guest.kill('SIGUSR1')).toBe(true);
    expect(String((await once(stdout(guest), 'data'))[0])).toBe('usr1\n');
    guest.kill();
    expect(await guest.exited).toMatchObject({ signal: 'SIGTERM' });
    expect(() => guest.kill('SIGNOPE' as NodeJS.Signals)).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_OPTION' }),
    );
  });

  it('tells when the program was stopped', async () => {
    const guest = await box.spawn(['sh', '-c', 'kill -STOP $$; exit 9']);
    expect(await once(guest, 'stopped')).toEqual(['SIGSTOP']);
    guest.kill('SIGCONT');
    expect((await guest.exited).exitCode).toBe(9);
  });

  it('gives descriptors and files', async () => {
    const path = join(folder, 'file');
    const fd = openSync(path, 'w+');
    const script =
      'echo one; echo two >&2; echo four >&4; ls -1 /proc/$$/fd | tr "\\n" " "; exec 3>&-; exec 4>&-';
    const guest = await box.spawn(['bash', '-c', script], { stdio: ['ignore', fd, 'ignore', fd, fd] });
    expect([guest.stdin, guest.stdout, guest.stderr]).toEqual([null, null, null]);
    await guest.exited;
    writeSync(fd, 'end\n');
    closeSync(fd);
    expect(readFileSync(path, 'utf8')).toBe('one\nfour\n0 1 2 3 4 end\n');
  });

  it('makes a session of its own, without a terminal', async () => {
    const outer = readFileSync('/proc/self/stat', 'utf8').split(') ')[1]?.split(' ')[3];
    const guest = await box.spawn(['sh', '-c', 'cut -d" " -f6 /proc/self/stat; (: </dev/tty) || echo none']);
    const [session, terminal] = (await text(stdout(guest))).trim().split('\n');
    expect(session).not.toBe(outer);
    expect(terminal).toBe('none');
  });

  it('leaves no descriptor open', async () => {
    const count = (): number => readdirSync('/proc/self/fd').length;
    await box.exec(['true']);
    const before = count();
    for (let round = 0; round < 5; round++) {
      await box.exec(['true'], { input: 'x' });
      await box.exec(['/etc/passwd']).catch(() => {});
      await box.exec(['nowhere']).catch(() => {});
      await box.exec(['echo', 'x'.repeat(200_000)]).catch(() => {});
    }
    await until(() => count() <= before);
  });

  it('works in a worker thread, and ends the program with it', async () => {
    const mark = '31.3159';
    const worker = new Worker(
      `const { Sandbox } = await import(${JSON.stringify(new URL('../../dist/index.js', import.meta.url))});
       const box = await Sandbox.create();
       await box.spawn(['sleep', '${mark}'], { stdio: 'ignore' });
       (await import('node:worker_threads')).parentPort.postMessage('running');`,
      { eval: true },
    );
    expect((await once(worker, 'message'))[0]).toBe('running');
    await until(() => processesWith(`sleep\0${mark}`).length > 0);
    await worker.terminate();
    await until(() => processesWith(`sleep\0${mark}`).length === 0);
  });
});

describe('the end of a sandbox', () => {
  it('ends programs, children and daemons', async () => {
    const own = await Sandbox.create();
    const mark = '31.4159';
    const script = `(setsid sleep ${mark} &); sleep ${mark} & sleep ${mark}; :`;
    const guest = await own.spawn(['sh', '-c', script]);
    await until(() => processesWith(`sleep\0${mark}`).length === 3);
    await own.close();
    expect(processesWith(`sleep\0${mark}`)).toEqual([]);
    await expect(guest.exited).rejects.toMatchObject({ code: 'ERR_SANDBOX_CLOSED' });
    await expect(own.exec(['true'])).rejects.toMatchObject({ code: 'ERR_SANDBOX_CLOSED' });
    await own.close();
  });

  it('ends what a program left in the background', async () => {
    const mark = '31.5159';
    {
      await using own = await Sandbox.create();
      const result = await own.exec(['sh', '-c', `sleep ${mark} >/dev/null 2>&1 &`]);
      expect(result.exitCode).toBe(0);
      await until(() => processesWith(`sleep\0${mark}`).length === 1);
    }
    expect(processesWith(`sleep\0${mark}`)).toEqual([]);
  });

  it('ends a program whose processes fork all the time', async () => {
    const own = await Sandbox.create();
    const mark = 'barchan-forker';
    const script = `: ${mark}; f() { while :; do (sleep 0.01) & wait $!; done; }; f & f & f & f & wait`;
    await own.spawn(['sh', '-c', script], { stdio: 'ignore' });
    await until(() => processesWith(mark).length > 4);
    await own.close();
    expect(processesWith(mark)).toEqual([]);
  });

  it('reports a program whose supervisor was killed', async () => {
    const guest = await box.spawn(['sleep', '31.6159']);
    const parent = Number(/\) \w (\d+)/.exec(readFileSync(`/proc/${guest.pid}/stat`, 'utf8'))?.[1]);
    process.kill(parent, 'SIGKILL');
    await expect(guest.exited).rejects.toMatchObject({ code: 'ERR_MONITOR_CRASH' });
    await until(() => processesWith('sleep\x0031.6159').length === 0);
  });
});
