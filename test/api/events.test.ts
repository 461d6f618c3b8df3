/** Sandbox.on(), .events(): what programs do, told as it is. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type EventKind,
  type EventOf,
  Policy,
  type PolicyDescription,
  Sandbox,
  type SandboxEvent,
  type SandboxOptions,
  type SyscallName,
} from '../../lib/index.js';
import { until } from '../helpers/processes.js';

const library = new URL('../../dist/index.js', import.meta.url);

/** The events of these kinds that a command makes, and its result. */
async function observe<Kind extends EventKind>(
  kinds: Kind[],
  argv: string[],
  options: SandboxOptions & { syscalls?: SyscallName[]; timeout?: number } = {},
) {
  const { syscalls, timeout, ...own } = options;
  await using box = await Sandbox.create({ isolation: 'none', ...own });
  const events: EventOf<Kind>[] = [];
  for (const kind of kinds) box.on(kind, (event) => events.push(event), { syscalls });
  const result = await box.exec(argv, { timeoutMs: timeout });
  return { events, result, counters: box.eventCounters };
}

const policy = (rules: NonNullable<PolicyDescription['rules']>): PolicyDescription => ({
  profile: 'compat',
  rules,
});

describe('calls', () => {
  // What the guest has answered by itself until then leaves it as long as somebody listens (docs/adr/0015-answers.md).
  it('are told from the moment on when somebody listens, whatever they were answered by before', async () => {
    await using box = await Sandbox.create({ isolation: 'none' });
    const code =
      'import os, time\nprint(os.getpid(), flush=True)\nwhile True:\n  os.getpid()\n  time.sleep(0.001)';
    const child = await box.spawn(['/usr/bin/python3', '-S', '-c', code]);
    await once(child.stdout, 'data');
    for (let round = 0; round < 2; round++) {
      // Ten times what it takes to be answered.
      const before = child.metrics().syscalls;
      await until(() => child.metrics().syscalls > before + 80);
      const told: EventOf<'syscall'>[] = [];
      const listener = (event: EventOf<'syscall'>): unknown => told.push(event);
      box.on('syscall', listener, { syscalls: ['getpid'] });
      await until(() => told.length >= 10);
      box.off('syscall', listener);
      expect(told.every(({ syscall }) => syscall === 'getpid')).toBe(true);
      expect(new Set(told.map(({ result }) => result)).size).toBe(1);
    }
    await child.end();
  });

  it('are told with names, arguments and results', async () => {
    const { events, result } = await observe(
      ['syscall'],
      [
        '/usr/bin/python3',
        '-S',
        '-c',
        'import os; os.open("/etc/passwd", 0); os.mkdir("/nowhere/at all\\n")',
      ],
      { syscalls: ['openat', 'mkdir'] },
    );
    expect(result.exitCode).toBe(1);
    expect(new Set(events.map((event) => event.syscall))).toEqual(new Set(['openat', 'mkdir']));
    const open = events.find((event) => event.arguments[1]?.string === '/etc/passwd');
    expect(open).toMatchObject({
      kind: 'syscall',
      verdict: 'allow',
      errno: undefined,
      first: true,
      program: 1,
    });
    expect(open?.arguments.map(({ name }) => name)).toEqual(['dirfd', 'path', 'flags']);
    expect(open?.arguments[2]?.text).toContain('O_RDONLY');
    expect(open?.result).toBeGreaterThan(2n);
    expect(open?.text).toMatch(/^openat\(AT_FDCWD, "\/etc\/passwd", O_RDONLY\|O_CLOEXEC\) = \d+$/);
    const made = events.find((event) => event.syscall === 'mkdir');
    expect(made).toMatchObject({ result: undefined, errno: 'ENOENT' });
    expect(made?.text).toBe('mkdir("/nowhere/at all\\n", 0777) = -1 ENOENT');
    expect(made?.arguments[0]?.string).toBe('/nowhere/at all\n');
    const age = Date.now() - (made?.time ?? 0);
    expect(age).toBeGreaterThanOrEqual(-50);
    expect(age).toBeLessThan(60_000);
  });

  it('to sockets have their addresses', async () => {
    const script = `
import socket
for family, address in ((2, ("127.0.0.1", 9)), (10, ("::1", 9)), (1, "/nowhere"), (1, b"\\0hidden")):
  s = socket.socket(family, 2)
  try: s.connect(address)
  except OSError: pass
s = socket.socket(2, 2)
try: s.sendmsg([b"x"], [], 0, ("127.0.0.2", 7))
except OSError: pass
`;
    const { events } = await observe(['syscall'], ['/usr/bin/python3', '-S', '-c', script], {
      syscalls: ['connect', 'sendmsg'],
    });
    expect(events.map((event) => event.arguments[1]?.address)).toEqual([
      { family: 'AF_INET', address: '127.0.0.1', port: 9 },
      { family: 'AF_INET6', address: '::1', port: 9 },
      { family: 'AF_UNIX', path: '/nowhere', abstract: false },
      { family: 'AF_UNIX', path: 'hidden', abstract: true },
      { family: 'AF_INET', address: '127.0.0.2', port: 7 },
    ]);
  });

  it('that are long are cut, and say so', async () => {
    const long = 'x'.repeat(3000);
    const { events } = await observe(['syscall', 'exec'], ['/bin/echo', long, ...new Array(50).fill('y')], {
      syscalls: ['write'],
    });
    const exec = events.find((event) => event.kind === 'exec');
    expect(exec).toMatchObject({ path: expect.stringContaining('echo'), truncated: true });
    expect(exec?.kind === 'exec' && exec.argv[1]).toMatch(/^x{100,}$/);
  });

  it('of the guest’s own seccomp filter and of the gate are told apart', async () => {
    const script = `
import ctypes
libc = ctypes.CDLL(None)
libc.swapon(b"x", 0)
libc.syscall(999, 1, 2, 3, 4, 5, 6)
`;
    const { events } = await observe(['syscall'], ['/usr/bin/python3', '-S', '-c', script], {
      syscalls: ['swapon'],
    });
    expect(events.map(({ syscall, verdict, errno }) => ({ syscall, verdict, errno }))).toEqual([
      { syscall: 'swapon', verdict: 'refuse', errno: 'EPERM' },
    ]);
    const all = await observe(['syscall'], ['/usr/bin/python3', '-S', '-c', script]);
    expect(all.events.find(({ number }) => number === 999)).toMatchObject({
      syscall: 'syscall_0x3e7',
      errno: 'ENOSYS',
      text: 'syscall_0x3e7(0x1, 0x2, 0x3, 0x4, 0x5, 0x6) = -1 ENOSYS',
    });
  });
});

describe('processes', () => {
  it.each(['none', 'full'] as const)('are followed over fork and exec (isolation: %s)', async (isolation) => {
    const { events } = await observe(['exec', 'fork', 'exit'], ['sh', '-c', '(exit 3); /bin/true; exit 5'], {
      isolation,
    });
    const execs = events.filter((event) => event.kind === 'exec');
    expect(execs.map((event) => event.kind === 'exec' && event.argv)).toEqual([
      ['sh', '-c', '(exit 3); /bin/true; exit 5'],
      ['/bin/true'],
    ]);
    const [shell, child] = execs;
    expect(shell?.first).toBe(true);
    expect(child?.first).toBe(false);
    const forks = events.flatMap((event) => (event.kind === 'fork' ? [event] : []));
    expect(forks.map(({ thread }) => thread)).toEqual([false, false]);
    expect(forks[1]?.child).toBe(child?.pid);
    const exits = events.flatMap((event) => (event.kind === 'exit' ? [event] : []));
    expect(exits.map(({ exitCode }) => exitCode)).toEqual([3, 0, 5]);
    expect(exits.map(({ first }) => first)).toEqual([false, false, true]);
    if (isolation === 'full') expect(shell?.pid).toBe(2);
    const sequences = events.map((event) => event.sequence);
    expect(sequences).toEqual([...sequences].sort((a, b) => a - b));
  });

  it('that make threads say so', async () => {
    const script = 'import threading; t = threading.Thread(target=print); t.start(); t.join()';
    const { events } = await observe(['fork'], ['/usr/bin/python3', '-S', '-c', script]);
    expect(events.map(({ thread }) => thread)).toEqual([true]);
  });

  it('whose first one is killed have an end all the same', async () => {
    const { events } = await observe(['exit'], ['sh', '-c', 'kill -9 $$']);
    expect(events).toMatchObject([{ kind: 'exit', first: true, exitCode: null, signal: 'SIGKILL' }]);
  });

  it('tell of faults, signals and death by them', async () => {
    const { events } = await observe(
      ['fault', 'signal', 'exit'],
      [
        '/usr/bin/python3',
        '-S',
        '-c',
        'import ctypes, os, signal; signal.signal(10, lambda *a: 0); os.kill(os.getpid(), 10); ctypes.string_at(16)',
      ],
    );
    expect(events[0]).toMatchObject({ kind: 'signal', signal: 'SIGUSR1', code: 0 });
    const [signal] = events;
    if (signal?.kind === 'signal')
      expect(signal.sender).toEqual({ pid: signal.pid, uid: process.getuid?.() });
    expect(events[1]).toMatchObject({ kind: 'fault', signal: 'SIGSEGV', code: 1, address: 16n, vector: 14 });
    expect(events[2]).toMatchObject({ kind: 'exit', exitCode: null, signal: 'SIGSEGV' });
    expect(events).toHaveLength(3);
  });

  it('tell of limits', async () => {
    const files = await observe(
      ['limit'],
      ['/usr/bin/python3', '-S', '-c', 'import os\ntry:\n  while True: os.dup(1)\nexcept OSError: pass'],
      { isolation: 'full', rlimits: { nofile: 40 } },
    );
    expect(files.events).toMatchObject([{ kind: 'limit', limit: 'files', errno: 'EMFILE' }]);
    const time = await observe(['limit', 'exit'], ['sleep', '60'], { timeout: 300 });
    expect(time.result.timedOut).toBe(true);
    expect(time.events).toMatchObject([
      { kind: 'limit', limit: 'time' },
      { kind: 'exit', signal: 'SIGKILL' },
    ]);
    const output = await observe(['limit'], ['yes'], { maxOutputBytes: 1000 });
    expect(output.events).toMatchObject([{ kind: 'limit', limit: 'output' }]);
  });
});

describe('policies', () => {
  it('have their refusals told, under every name of a call', async () => {
    const { events } = await observe(
      ['violation'],
      [
        '/usr/bin/python3',
        '-S',
        '-c',
        'import os\ntry: os.mkdir("/tmp/no")\nexcept OSError as e: print(e.errno)',
      ],
      { policy: policy([{ calls: ['mkdirat'], action: 'deny', errno: 'ENOTTY' }]) },
    );
    expect(events).toMatchObject([
      { kind: 'violation', syscall: 'mkdir', verdict: 'deny', errno: 'ENOTTY', result: undefined },
    ]);
    expect(events[0]?.arguments[0]?.string).toBe('/tmp/no');
  });

  it('that kill tell why', async () => {
    const { events, result } = await observe(['violation', 'exit'], ['uname'], {
      policy: policy([{ calls: ['uname'], action: 'kill' }]),
    });
    expect(result.signal).toBe('SIGSYS');
    expect(events).toMatchObject([
      { kind: 'violation', syscall: 'uname', verdict: 'kill', result: undefined, errno: undefined },
      { kind: 'exit', signal: 'SIGSYS' },
    ]);
  });

  it('that list networks, or forbid write and execute, have these refusals told', async () => {
    const script = `
import socket, mmap
s = socket.socket(2, 2)
try: s.connect(("10.1.2.3", 53))
except OSError as e: print(e.errno)
try: mmap.mmap(-1, 4096, prot=7)
except OSError as e: print(e.errno)
`;
    const { events, result } = await observe(['violation'], ['/usr/bin/python3', '-S', '-c', script], {
      policy: { profile: 'compat', network: [], writeXorExecute: true },
    });
    expect(result.stdout).toBe('13\n13\n');
    expect(events).toMatchObject([
      { syscall: 'connect', verdict: 'deny', errno: 'EACCES' },
      { syscall: 'mmap', verdict: 'deny', errno: 'EACCES' },
    ]);
    expect(events[0]?.arguments[1]?.address).toEqual({ family: 'AF_INET', address: '10.1.2.3', port: 53 });
  });

  it('that log let the call pass', async () => {
    const rules = Policy.compat()
      .log('uname')
      .when('openat', { flags: { mask: 3, equals: 1 } }, 'log');
    const { events, result } = await observe(
      ['log'],
      ['sh', '-c', 'uname; echo > /dev/null; cat < /dev/null'],
      {
        policy: rules,
      },
    );
    expect(result).toMatchObject({ exitCode: 0, stdout: 'Linux\n' });
    expect(events.map(({ syscall, verdict }) => [syscall, verdict])).toEqual([
      ['uname', 'log'],
      ['openat', 'log'],
    ]);
    const silent = await observe([], ['uname'], { policy: rules });
    expect(silent).toMatchObject({ result: { stdout: 'Linux\n' }, counters: { delivered: 0, dropped: 0 } });
  });
});

describe('subscriptions', () => {
  it('begin and end while a program runs, and nothing is looked at without them', async () => {
    await using box = await Sandbox.create({ isolation: 'none' });
    const guest = await box.spawn(['sh', '-c', 'while read line; do :; done']);
    const ask = (): Promise<void> =>
      new Promise((resolve) => {
        guest.stdin.write('x\n', () => setTimeout(resolve, 200));
      });
    await ask();
    const seen: SandboxEvent[] = [];
    const listener = (event: SandboxEvent): number => seen.push(event);
    box.on('syscall', listener);
    await ask();
    const first = seen.length;
    expect(first).toBeGreaterThan(0);
    // Nothing was told before: the first record of all.
    expect(seen[0]).toMatchObject({ sequence: 1 });
    box.off('syscall', listener);
    await ask();
    await ask();
    expect(seen).toHaveLength(first);
    box.on('syscall', listener);
    await ask();
    // What happened in between was not told to anybody: its numbers would be missing.
    const [last, next] = [seen[first - 1], seen[first]] as [SandboxEvent, SandboxEvent];
    expect(next.kind !== 'drop' && last.kind !== 'drop' && next.sequence - last.sequence).toBeLessThanOrEqual(
      2,
    );
    guest.stdin.end();
    await guest.exited;
  });

  it('are for one event with once(), and for some calls with a filter each', async () => {
    await using box = await Sandbox.create({ isolation: 'none' });
    const seen: string[] = [];
    box.once('syscall', ({ syscall }) => seen.push(`once ${syscall}`), { syscalls: ['uname'] });
    box.on('syscall', ({ syscall }) => seen.push(syscall), { syscalls: ['sysinfo', 'uname'] });
    await box.exec(['sh', '-c', 'uname; uname']);
    expect(seen).toEqual(['once uname', 'uname', 'uname']);
  });

  it('give streams that end with the sandbox, the signal, or the loop', async () => {
    const box = await Sandbox.create({ isolation: 'none' });
    const all = (async () => {
      const kinds: string[] = [];
      for await (const event of box.events({ kinds: ['exec', 'exit'] })) kinds.push(event.kind);
      return kinds;
    })();
    const aborted = new AbortController();
    const some = (async () => {
      for await (const event of box.events({ signal: aborted.signal })) void event;
      return 'ended';
    })();
    const one = (async () => {
      for await (const event of box.events({ kinds: ['exec'] })) return event.path;
      return undefined;
    })();
    await box.exec(['true']);
    aborted.abort();
    expect(await some).toBe('ended');
    expect(await one).toContain('true');
    await box.close();
    expect(await all).toEqual(['exec', 'exit']);
    expect(() => box.on('exit', () => {})).toThrow(expect.objectContaining({ code: 'ERR_SANDBOX_CLOSED' }));
    expect(box.eventCounters.delivered).toBeGreaterThan(0);
  });

  it('refuse what is none', async () => {
    await using box = await Sandbox.create({ isolation: 'none' });
    const wrong = (path: string) => expect.objectContaining({ code: 'ERR_INVALID_OPTION', path });
    expect(() => box.on('nothing' as 'exit', () => {})).toThrow(wrong('kind[0]'));
    expect(() => box.on('exit', 7 as unknown as () => void)).toThrow(wrong('listener'));
    expect(() => box.on('syscall', () => {}, { syscalls: ['opn' as 'open'] })).toThrow(
      wrong('options.syscalls[0]'),
    );
    expect(() => box.events({ kinds: [] })).toThrow(wrong('options.kinds'));
    expect(() => box.events({ buffer: 0 })).toThrow(wrong('options.buffer'));
    for (const [events, path] of [
      [{ slots: 100 }, 'options.events.slots'],
      [{ slots: 8 }, 'options.events.slots'],
      [{ backpressure: 'wait' }, 'options.events.backpressure'],
      [{ size: 1 }, 'options.events.size'],
    ]) {
      await expect(Sandbox.create({ events } as SandboxOptions)).rejects.toMatchObject({
        code: 'ERR_INVALID_OPTION',
        path,
      });
    }
  });

  it('work in worker threads', async () => {
    const code = `
import { parentPort } from 'node:worker_threads';
import { Sandbox } from ${JSON.stringify(library)};
const box = await Sandbox.create({ isolation: 'none' });
const seen = [];
box.on('exit', ({ exitCode }) => seen.push(exitCode));
await Promise.all([1, 2, 3].map((i) => box.exec(['sh', '-c', 'exit ' + i])));
parentPort.postMessage(seen.sort());
`;
    const url = new URL(`data:text/javascript,${encodeURIComponent(code)}`);
    const answers = await Promise.all(
      [1, 2].map(
        () =>
          new Promise((resolve, reject) => {
            const worker = new Worker(url);
            worker.once('error', reject).once('message', (message) => {
              void worker.terminate().then(() => resolve(message));
            });
          }),
      ),
    );
    expect(answers).toEqual([
      [1, 2, 3],
      [1, 2, 3],
    ]);
  });
});

describe('an error of a listener', () => {
  const thrown: unknown[] = [];
  const listener = (error: unknown): number => thrown.push(error);
  let before: NodeJS.UncaughtExceptionListener[] = [];
  beforeAll(() => {
    before = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException').on('uncaughtException', listener);
  });
  afterAll(() => {
    process.removeAllListeners('uncaughtException');
    for (const one of before) process.on('uncaughtException', one);
  });

  it('is uncaught, and costs others nothing', async () => {
    await using box = await Sandbox.create({ isolation: 'none' });
    const seen: SandboxEvent[] = [];
    box.on('exit', () => {
      throw new Error('mine');
    });
    box.on('exit', (event) => seen.push(event));
    await box.exec(['true']);
    expect(seen).toHaveLength(1);
    await new Promise((resolve) => setImmediate(resolve));
    expect(thrown).toMatchObject([{ message: 'mine' }]);
  });

  it('is uncaught in every event of a program that goes on', async () => {
    await using box = await Sandbox.create({ isolation: 'none' });
    thrown.length = 0;
    let events = 0;
    const enough = new Promise<void>((resolve) => {
      box.on('exec', () => {
        if (++events === 20) resolve();
        throw new Error(`exec ${events}`);
      });
    });
    const guest = await box.spawn(['sh', '-c', 'while :; do sleep 0.02; done'], { stdio: 'ignore' });
    await enough;
    guest.kill('SIGKILL');
    await guest.exited;
    await new Promise((resolve) => setImmediate(resolve));
    expect(thrown.length).toBe(events);
    expect(thrown.slice(0, 3)).toMatchObject([1, 2, 3].map((i) => ({ message: `exec ${i}` })));
  });
});
