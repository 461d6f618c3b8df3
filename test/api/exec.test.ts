import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run, Sandbox, SandboxError } from '../../lib/index.js';

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
    });
  });

  it('wrong options, before anything is started', async () => {
    await expect(box.exec([])).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION', path: 'argv' });
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
