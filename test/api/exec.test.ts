import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Input, run, Sandbox, SandboxError } from '../../lib/index.js';
import { until } from '../helpers/processes.js';

let box: Sandbox;
beforeAll(async () => {
  box = await Sandbox.create();
});
afterAll(() => box?.close());

describe('exec', () => {
  it('returns what a program wrote, and its status', async () => {
    const result = await box.exec(['sh', '-c', 'echo out; echo err >&2; exit 3']);
    expect(result).toMatchObject({
      exitCode: 3,
      signal: null,
      stdout: 'out\n',
      stderr: 'err\n',
      timedOut: false,
      truncated: false,
    });
    expect(result.durationMs).toBeGreaterThan(0);
    expect(result.usage.maxRssBytes).toBeGreaterThan(0);
  });

  it.each([0, 1, 42, 125, 126, 127, 128, 255])('takes status %d as the program has it', async (status) => {
    expect((await box.exec(['sh', '-c', `exit ${status}`])).exitCode).toBe(status);
  });

  it.each(['SIGTERM', 'SIGKILL', 'SIGABRT', 'SIGINT', 'SIGUSR1', 'SIGSEGV'])('names %s', async (signal) => {
    const result = await box.exec(['sh', '-c', `ulimit -c 0; kill -${signal.slice(3)} $$`]);
    expect(result).toMatchObject({ exitCode: null, signal });
  });

  it('names a real-time signal', async () => {
    const program = 'import os,signal; os.kill(os.getpid(), signal.SIGRTMIN + 3)';
    expect((await box.exec(['/usr/bin/python3', '-c', program])).signal).toBe('SIGRTMIN+3');
  });

  it('gives argv, argv[0], environment and working directory', async () => {
    const program = 'printf "%s|" "$0" "$@" "$A" "$PWD"; env | grep -v ^_= | sort | tr "\\n" ";"';
    const { stdout } = await box.exec(['sh', '-c', program, 'zero', '', 'a b', 'ä'], {
      env: { A: 'x=y', PATH: '/usr/bin:/bin' },
      cwd: '/usr',
    });
    expect(stdout).toBe('zero||a b|ä|x=y|/usr|A=x=y;PATH=/usr/bin:/bin;PWD=/usr;');
    const { stdout: line } = await box.exec(['sh', '-c', 'cat /proc/$$/cmdline'], { argv0: 'other' });
    expect(line.split('\0')[0]).toBe('other');
  });

  it('writes input and closes it', async () => {
    const input = 'line\n'.repeat(100_000);
    const { stdout } = await box.exec(['wc', '-lc'], { input });
    expect(stdout.trim().split(/\s+/)).toEqual(['100000', '500000']);
  });

  it('gives no input where none is given', async () => {
    expect((await box.exec(['wc', '-c'])).stdout.trim()).toBe('0');
  });

  it('passes bytes through unchanged', async () => {
    const input = Buffer.from(Array.from({ length: 256 * 300 }, (_, index) => (index * 7) % 256));
    const { stdout } = await box.exec(['cat'], { input, encoding: 'buffer' });
    expect(stdout.equals(input)).toBe(true);
  });

  it('does not mind a program that leaves its input unread', async () => {
    const result = await box.exec(['true'], { input: Buffer.alloc(4 << 20) });
    expect(result.exitCode).toBe(0);
  });

  it.each<[string, () => Input]>([
    ['a stream', () => Readable.from([Buffer.from('a'), 'b', 'ö'])],
    ['a file', () => createReadStream('/proc/self/comm')],
    ['a web stream', () => new Blob(['ab']).stream()],
    [
      'a generator',
      () =>
        (function* () {
          yield 'a';
          yield new Uint8Array([98]);
        })(),
    ],
    [
      'an async generator',
      () =>
        (async function* () {
          yield 'a';
          await sleep(20);
          yield 'b';
        })(),
    ],
    ['a list', () => ['a', 'b', Buffer.alloc(1 << 20, 'x')]],
    ['an empty list', () => []],
  ])('writes %s to the input', async (_, input) => {
    const expected = createHash('sha256');
    for await (const chunk of input()) expected.update(chunk);
    const { stdout } = await box.exec(['sha256sum'], { input: input() });
    expect(stdout.slice(0, 64)).toBe(expected.digest('hex'));
  });

  it('ends the source of its input when the program has ended', async () => {
    const stream = new Readable({
      read() {
        this.push('x');
      },
    });
    const closed = once(stream, 'close');
    expect(await box.exec(['head', '-c', '3'], { input: stream })).toMatchObject({
      stdout: 'xxx',
      exitCode: 0,
    });
    await closed;
    const silent = new Readable({ read() {} });
    expect(await box.exec(['true'], { input: silent })).toMatchObject({ exitCode: 0 });
    await until(() => silent.destroyed);
    let returned = false;
    const endless = (function* () {
      try {
        for (;;) yield 'y\n';
      } finally {
        returned = true;
      }
    })();
    expect((await box.exec(['head', '-1'], { input: endless })).stdout).toBe('y\n');
    await until(() => returned);
  });

  it('rejects when the source of its input fails, and ends the program', async () => {
    const cause = new Error('no more');
    const failing = (async function* () {
      yield 'a';
      throw cause;
    })();
    await expect(box.exec(['sleep', '60'], { input: failing })).rejects.toMatchObject({
      code: 'ERR_INPUT',
      cause,
    });
    const broken = new Readable({
      read() {
        this.destroy(cause);
      },
    });
    await expect(box.exec(['cat'], { input: broken })).rejects.toMatchObject({ code: 'ERR_INPUT', cause });
    await expect(box.exec(['cat'], { input: [5] as never })).rejects.toMatchObject({
      code: 'ERR_INVALID_OPTION',
      path: 'options.input',
      value: 5,
    });
  });

  it('leaves variables out that are undefined, and inherited ones', async () => {
    const env = Object.assign(Object.create({ INHERITED: '1' }), {
      A: '1',
      B: undefined,
      PATH: '/usr/bin:/bin',
    });
    expect((await box.exec(['env'], { env })).stdout).toBe('A=1\nPATH=/usr/bin:/bin\n');
  });

  it('gives real pipes: /dev/stdin and /dev/stdout can be opened', async () => {
    const { stdout } = await box.exec(['sh', '-c', 'cat /dev/stdin > /dev/stdout'], { input: 'through' });
    expect(stdout).toBe('through');
  });

  it('waits for processes in the background that hold the output', async () => {
    const { stdout } = await box.exec(['sh', '-c', '(sleep 0.3; echo late) & echo now']);
    expect(stdout).toBe('now\nlate\n');
  });
});

describe('limits', () => {
  it('ends a program after timeoutMs, children included', async () => {
    const started = performance.now();
    const result = await box.exec(['sh', '-c', 'echo begun; sleep 60 & sleep 60'], { timeoutMs: 2000 });
    expect(result).toMatchObject({ exitCode: null, signal: 'SIGKILL', timedOut: true, stdout: 'begun\n' });
    expect(performance.now() - started).toBeLessThan(20_000);
  });

  it('sends another killSignal to the first process, which may handle it', async () => {
    const script = 'trap "echo ended; exit 7" TERM; while :; do sleep 0.05; done';
    const result = await box.exec(['sh', '-c', script], { timeoutMs: 2000, killSignal: 'SIGTERM' });
    expect(result).toMatchObject({ exitCode: 7, timedOut: true, stdout: 'ended\n' });
  });

  it('ends a program that ignores its killSignal all the same', async () => {
    const result = await box.exec(['sh', '-c', 'trap "" TERM; sleep 60'], {
      timeoutMs: 1000,
      killSignal: 'SIGTERM',
    });
    expect(result).toMatchObject({ signal: 'SIGKILL', timedOut: true });
  });

  it('ends a program that writes more than maxOutputBytes, and returns so much', async () => {
    const result = await box.exec(['yes'], { maxOutputBytes: 10_000 });
    expect(result).toMatchObject({ truncated: true, signal: 'SIGKILL', timedOut: false });
    expect(result.stdout).toHaveLength(10_000);
  });

  it('does not truncate what fits exactly', async () => {
    const result = await box.exec(['printf', '12345'], { maxOutputBytes: 5 });
    expect(result).toMatchObject({ truncated: false, stdout: '12345', exitCode: 0 });
    expect(await box.exec(['true'], { maxOutputBytes: 0 })).toMatchObject({ truncated: false, exitCode: 0 });
  });

  it('rejects with ERR_ABORTED, before and during', async () => {
    const reason = new Error('enough');
    await expect(box.exec(['true'], { signal: AbortSignal.abort(reason) })).rejects.toMatchObject({
      code: 'ERR_ABORTED',
      cause: reason,
    });
    const aborted = { signal: AbortSignal.abort(reason), kvmDevice: '/dev/no-kvm' };
    await expect(run(['true'], aborted)).rejects.toMatchObject({ code: 'ERR_ABORTED', cause: reason });
    const controller = new AbortController();
    setTimeout(() => controller.abort(reason), 300);
    await expect(box.exec(['sleep', '60'], { signal: controller.signal })).rejects.toMatchObject({
      code: 'ERR_ABORTED',
      cause: reason,
    });
  });
});

describe('what cannot be started', () => {
  it.each([
    ['not there', ['/no/such/program'], 'ERR_PROGRAM_NOT_FOUND'],
    ['not in PATH', ['no-such-program'], 'ERR_PROGRAM_NOT_FOUND'],
    ['no program file', ['/etc/passwd'], 'ERR_PROGRAM_NOT_EXECUTABLE'],
    ['a folder', ['/usr'], 'ERR_PROGRAM_NOT_EXECUTABLE'],
  ])('%s', async (_, argv, code) => {
    const failure = await box.exec(argv).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(SandboxError);
    expect(failure).toMatchObject({ code });
  });

  it('an argument list that is too long', async () => {
    await expect(box.exec(['echo', 'x'.repeat(200_000)])).rejects.toMatchObject({
      code: 'ERR_SYSTEM',
      errno: 7,
      remedy: expect.stringContaining('128 KiB'),
    });
  });

  it('a descriptor that is not open', async () => {
    await expect(box.spawn(['true'], { stdio: ['ignore', 9999] })).rejects.toMatchObject({
      code: 'ERR_SYSTEM',
      errno: 9,
    });
  });

  it('wrong options, before anything is started', async () => {
    await expect(box.exec([])).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION', path: 'argv' });
    await expect(run(['a\0b'], { kvmDevice: '/dev/no-kvm' })).rejects.toMatchObject({ path: 'argv[0]' });
    await expect(box.exec(['true'], { timeoutMs: -1 })).rejects.toMatchObject({ path: 'options.timeoutMs' });
  });

  it('a sandbox without a KVM device', async () => {
    await expect(run(['true'], { kvmDevice: '/dev/no-kvm' })).rejects.toMatchObject({
      code: 'ERR_KVM_NOT_FOUND',
    });
    await expect(Sandbox.create({ kvmDevice: '/dev/null' })).rejects.toMatchObject({
      code: 'ERR_KVM_UNSUPPORTED',
    });
  });
});

describe('concurrency', () => {
  it('runs 50 programs at once', async () => {
    const results = await Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        box.exec(['sh', '-c', `echo $((${index} * 2)); exit ${index}`]),
      ),
    );
    for (const [index, result] of results.entries()) {
      expect(result).toMatchObject({ exitCode: index, stdout: `${index * 2}\n` });
    }
  });
});

describe('run', () => {
  it('is exec in a sandbox of its own', async () => {
    expect(await run(['echo', 'hello'])).toMatchObject({ stdout: 'hello\n', exitCode: 0 });
    const { stdout } = await run(['echo', 'hello'], { encoding: 'buffer' });
    expect(stdout).toEqual(Buffer.from('hello\n'));
  });
});
