/** Faults on purpose: what programs see of them, that they come again, and that they give nothing away. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { shortenable } from '../../lib/chaos-calls.js';
import { Chaos, type InjectionEvent, Policy, Sandbox, type SandboxOptions } from '../../lib/index.js';
import { temporaryFolder } from '../helpers/programs.js';

const cli = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const python = '/usr/bin/python3';
const folder = temporaryFolder('chaos');

interface Outcome {
  exitCode: number | null;
  signal: string | null;
  stdout: string;
  stderr: string;
  injections: InjectionEvent[];
}

async function injected(argv: string[], chaos: Chaos, options: SandboxOptions = {}): Promise<Outcome> {
  await using box = await Sandbox.create({
    isolation: 'none',
    ...options,
    chaos,
    events: { backpressure: 'block' },
  });
  const injections: InjectionEvent[] = [];
  box.on('injection', (event) => injections.push(event));
  const { exitCode, signal, stdout, stderr } = await box.exec(argv, { timeoutMs: 120_000 });
  expect(box.eventCounters).toMatchObject({ dropped: 0, malformed: 0 });
  return { exitCode, signal, stdout, stderr, injections };
}

/** Runs Python code that prints one JSON value. */
async function value(code: string, chaos: Chaos, options?: SandboxOptions): Promise<unknown> {
  const { stdout, stderr, exitCode } = await injected([python, '-ISc', code], chaos, options);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  return JSON.parse(stdout);
}

/** What each thread met, in its own order. */
function byTask(injections: readonly InjectionEvent[]): Record<string, string[]> {
  const tasks: Record<string, string[]> = {};
  for (const { task, syscall, rule, count, action, errno, ms, asked, made } of injections) {
    const what = [syscall, rule, count, action, errno ?? ms ?? `${asked}:${made}`].join(' ');
    tasks[task] = [...(tasks[task] ?? []), what];
  }
  return tasks;
}

describe('the same seed', () => {
  const mixed = (seed: number): Chaos =>
    new Chaos({ seed })
      .fail('newfstatat', { errno: 'EACCES', probability: 0.05 })
      .shorten(['read', 'write'], { probability: 0.4 })
      .delay('openat', { ms: 1, probability: 0.2 });

  it('gives the same faults to a family of processes, and another seed others', async () => {
    const family = [
      '/bin/sh',
      '-c',
      'cat /etc/services | wc -c; (ls /etc | head -3; ls /); exec cat /etc/passwd',
    ];
    const [first, again, other] = await Promise.all(
      [mixed(1), mixed(1), mixed(2)].map((c) => injected(family, c)),
    );
    expect(Object.keys(byTask(first?.injections ?? [])).length).toBeGreaterThan(4);
    expect(byTask(again?.injections ?? [])).toEqual(byTask(first?.injections ?? []));
    expect(again?.stdout).toBe(first?.stdout);
    expect(byTask(other?.injections ?? [])).not.toEqual(byTask(first?.injections ?? []));
  });

  it('gives each thread its own, whatever the others do', async () => {
    const code = `
import os, threading
def work():
    for i in range(200):
        try: os.stat('/')
        except PermissionError: pass
threads = [threading.Thread(target=work) for _ in range(4)]
for t in threads: t.start()
for t in threads: t.join()
print('null')`;
    const chaos = new Chaos({ seed: 5 }).fail('newfstatat', {
      errno: 'EACCES',
      probability: 0.1,
      when: { first: 150 },
    });
    const [first, again] = await Promise.all([1, 2].map(() => injected([python, '-ISc', code], chaos)));
    const tasks = byTask(first?.injections ?? []);
    expect(Object.keys(tasks).length).toBeGreaterThanOrEqual(4);
    expect(byTask(again?.injections ?? [])).toEqual(tasks);
  });

  it('decides alike where calls would not leave the guest', async () => {
    const code = `
import os
fd = os.open('/', os.O_RDONLY)
failed = 0
for i in range(3000):
    try: os.fstat(fd)
    except OSError: failed += 1
print(failed)`;
    const chaos = new Chaos({ seed: 3 }).fail('fstat', {
      errno: 'EIO',
      probability: 0.1,
      when: { first: 100 },
    });
    const usual = await value(code, chaos);
    expect(usual).toBeGreaterThan(200);
    const before = { ...process.env };
    try {
      Object.assign(process.env, { BARCHAN_RING: 'on', BARCHAN_PATCH: 'on' });
      expect(await value(code, chaos)).toBe(usual);
    } finally {
      for (const name of ['BARCHAN_RING', 'BARCHAN_PATCH']) delete process.env[name];
      Object.assign(process.env, before);
    }
  });
});

const helpers = `
import ctypes, errno, fcntl, json, os, signal, socket, struct, sys, time
libc = ctypes.CDLL(None, use_errno=True)
def error(f, *a):
    try: return f(*a)
    except OSError as e: return errno.errorcode[e.errno]
def call(nr, *a):
    r = libc.syscall(ctypes.c_long(nr), *[ctypes.c_void_p(x) if isinstance(x, int) else x for x in a])
    return r if r != -1 else errno.errorcode[ctypes.get_errno()]
def done(v): print(json.dumps(v))
`;

describe('a call that fails', () => {
  it('is not made, and has the result that Linux would give', async () => {
    const chaos = new Chaos({ seed: 1 })
      .fail('mkdirat', { errno: 'ENOSPC', when: 1 })
      .fail('pwrite64', { errno: 'EIO' })
      .fail('close', { errno: 'EIO', on: 'streams' })
      .fail('kill', { errno: 'EPERM' })
      .fail(['clone', 'clone3', 'fork'], { errno: 'EAGAIN' })
      .fail('brk', { errno: 'ENOMEM', when: { first: 4 } })
      .fail('clock_nanosleep', { errno: 'EINTR' });
    const code = `${helpers}
name, file = ${JSON.stringify(join(folder, 'never'))}, ${JSON.stringify(join(folder, 'empty'))}
found = [error(os.mkdir, name), os.path.exists(name), error(os.mkdir, name)]
fd = os.open(file, os.O_RDWR | os.O_CREAT)
found += [error(os.pwrite, fd, b'x', 0), os.fstat(fd).st_size]
r, w = os.pipe()
found += [error(os.close, r), os.fstat(r).st_size]
found += [error(os.kill, os.getpid(), 9), error(os.fork), error(os.waitpid, -1, 0)]
for i in range(4): end = call(12, 0)
found += [call(12, end + (1 << 20)) == end]
asked, left = struct.pack('qq', 5, 7), ctypes.create_string_buffer(16)
found += [call(35, asked, left), struct.unpack('qq', left)]
done(found)`;
    expect(await value(code, chaos)).toEqual([
      ...['ENOSPC', false, null],
      ...['EIO', 0],
      ...['EIO', 0],
      ...['EPERM', 'EAGAIN', 'ECHILD'],
      true,
      ...['EINTR', [5, 7]],
    ]);
  });

  it('is interrupted only where it would wait', async () => {
    const chaos = new Chaos({ seed: 1 })
      .fail('read', { errno: 'EINTR', on: 'streams' })
      .fail(['wait4', 'futex', 'fcntl', 'flock', 'pselect6'], { errno: 'EINTR' });
    const code = `${helpers}
r, w = os.pipe()
os.write(w, b'x')
byte = ctypes.create_string_buffer(8)
found = [call(0, r, byte, 1), call(0, r, byte, 1)]
os.set_blocking(r, False)
found += [call(0, r, byte, 1), call(0, r, byte, 1)]
word = ctypes.create_string_buffer(8)
found += [call(202, word, 1, 1), call(202, word, 128, 1)]
found += [call(61, -1, 0, 1), call(61, -1, 0, 0)]
fd = os.open('/etc/passwd', os.O_RDONLY)
found += [call(73, fd, 1 | 4), call(73, fd, 1), len(os.read(fd, 1))]
lock = struct.pack('hhqqi4x', fcntl.F_RDLCK, 0, 0, 1, 0)
found += [call(72, fd, 6, lock), call(72, fd, 7, lock)]
none, some = bytes(16), struct.pack('qq', 0, 1)
found += [call(270, 0, 0, 0, 0, none, 0), call(270, 0, 0, 0, 0, some, 0)]
done(found)`;
    expect(await value(code, chaos)).toEqual([
      ...['EINTR', 'EINTR', 1, 'EAGAIN'],
      ...[0, 'EINTR', 'ECHILD', 'EINTR'],
      ...[0, 'EINTR', 1],
      ...[0, 'EINTR'],
      ...[0, 'EINTR'],
    ]);
  });

  it('is one of those that `when` and `on` say', async () => {
    const chaos = new Chaos({ seed: 1 })
      .fail('mkdirat', { errno: 'EIO', when: { first: 3, last: 11, every: 4 } })
      .fail('mkdirat', { errno: 'ENOSPC', when: { first: 7 } })
      .fail('fsync', { errno: 'EDQUOT', on: 'files' })
      .fail('fsync', { errno: 'ENOLINK', on: 'streams' });
    const code = `${helpers}
r, w = os.pipe()
done([[error(os.mkdir, '/') for i in range(12)], error(os.fsync, os.open('/', 0)), error(os.fsync, r), error(os.fsync, 99)])`;
    const many = (count: number, error: string): string[] => Array(count).fill(error);
    expect(await value(code, chaos)).toEqual([
      [...many(2, 'EEXIST'), 'EIO', ...many(3, 'EEXIST'), 'EIO', ...many(3, 'ENOSPC'), 'EIO', 'ENOSPC'],
      'EDQUOT',
      'ENOLINK',
      'EBADF',
    ]);
  });

  it('comes after the policy and before handlers, and is no limit that was met', async () => {
    const policy = Policy.compat().deny('mkdirat', { errno: 'EXDEV' });
    const chaos = new Chaos({ seed: 1 })
      .fail(['mkdirat', 'symlinkat'], { errno: 'ENOSPC' })
      .fail('fsync', { errno: 'EMFILE' });
    await using box = await Sandbox.create({ isolation: 'none', policy, chaos });
    let asked = 0;
    const seen: string[] = [];
    box.intercept(['mkdirat', 'symlinkat'], (call) => {
      asked++;
      return call.allow();
    });
    box.on('injection', ({ syscall, errno }) => seen.push(`${syscall} ${errno}`));
    box.on('limit', () => seen.push('limit'));
    const code = `${helpers}
done([error(os.mkdir, '/x'), error(os.symlink, 'x', '/x'), error(os.fsync, 0)])`;
    const { stdout } = await box.exec([python, '-ISc', code]);
    expect(JSON.parse(stdout)).toEqual(['EXDEV', 'ENOSPC', 'EMFILE']);
    expect({ asked, seen }).toEqual({ asked: 0, seen: ['symlinkat ENOSPC', 'fsync EMFILE'] });
  });
});

const shortCode = `${helpers}
import tempfile
text = bytes(i % 251 for i in range(9000))
fd, name = tempfile.mkstemp()
wrong = []
def less(what, n, whole, got=None, first=0):
    if not 1 <= n < whole or (got is not None and bytes(got) != text[first:first + n]): wrong.append([what, n])
def whole(what, n, all):
    if n != all: wrong.append([what, n])
n = 0
while n < len(text): n += os.write(fd, text[n:])
whole('written', os.fstat(fd).st_size, len(text))
for i in range(100): os.pread(fd, 1, 0)
less('pwrite', os.pwrite(fd, text[:100], 0), 100)
less('pwritev', os.pwritev(fd, [text[:60], text[60:100]], 0), 100)
a = os.pread(fd, 500, 7); less('pread', len(a), 500, a, 7)
b = [bytearray(40), bytearray(50)]; n = os.preadv(fd, b, 3); less('preadv', n, 90, (b[0] + b[1])[:n], 3)
whole('one byte', len(os.pread(fd, 1, 0)), 1)
r, w = os.pipe()
whole('atomic', os.write(w, text[:4096]), 4096)
got = b''
while len(got) < 4096: got += os.read(r, 4096 - len(got))
whole('in order', got == text[:4096], True)
less('pipe', os.write(w, text), len(text))
s, t = socket.socketpair()
sent = s.send(text[:1000]); less('send', sent, 1000)
a = t.recv(sent) if sent > 1 else b''
if sent > 1: less('recv', len(a), sent, a)
s, t = socket.socketpair()
n = s.sendmsg([text[:300], text[300:900]]); less('sendmsg', n, 900)
if n > 1:
    b = [bytearray(n // 2), bytearray(n - n // 2)]
    m = t.recvmsg_into(b)[0]; less('recvmsg', m, n, (b[0] + b[1])[:m])
passed = os.open('/', 0)
s, t = socket.socketpair()
n = socket.send_fds(s, [text[:100]], [passed]); less('send_fds', n, 100)
whole('descriptors', len(socket.recv_fds(t, 4096, 4)[1]), 1)
s, t = socket.socketpair(type=socket.SOCK_DGRAM)
whole('datagram', s.send(text[:100]), 100); whole('datagram in', len(t.recv(100)), 100)
s, t = socket.socketpair(type=socket.SOCK_SEQPACKET)
whole('packet', s.sendmsg([text[:100]]), 100); whole('packet in', len(t.recvmsg(100)[0]), 100)
e = os.eventfd(3); whole('eventfd', os.eventfd_read(e), 3)
c = os.open('/proc/self/comm', os.O_RDWR); whole('name', os.write(c, b'another'), 7)
s, t = socket.socketpair()
less('sendfile', os.sendfile(s.fileno(), fd, 0, 5000), 5000)
out, other = tempfile.mkstemp(); less('copy', os.copy_file_range(fd, out, 5000, 0, 0), 5000)
os.unlink(name); os.unlink(other)
done(wrong)`;

describe('calls that move less', () => {
  // The dynamic loader takes a short pread64 for a broken file.
  const short = new Chaos({ seed: 1 })
    .shorten(shortenable.filter((name) => name !== 'pread64'))
    .shorten('pread64', { when: { first: 100 } });
  it('move some, where Linux might do so', async () => {
    for (const chaos of [short, short.withSeed(2)]) expect(await value(shortCode, chaos)).toEqual([]);
  });

  it('do so under the host filter of a sandbox', async () => {
    const policy = Policy.default().allow('@fd');
    expect(await value(shortCode, short, { isolation: 'full', policy })).toEqual([]);
    // One that has next to nothing of its own: what a rule asks of descriptors is there all the same.
    const narrow = Policy.strict().allow(
      'openat',
      'close',
      'read',
      'write',
      'pread64',
      'fadvise64',
      'newfstatat',
    );
    const rules = new Chaos({ seed: 1 })
      .shorten(['read', 'write'], { probability: 0.5, on: 'files' })
      .shorten('write', { most: 9, on: 'streams' })
      .delay('openat', { ms: 1 });
    const { stdout, stderr, injections } = await injected(['/bin/cat', '/etc/passwd'], rules, {
      isolation: 'full',
      policy: narrow,
    });
    expect({ stdout, stderr }).toEqual({ stdout: readFileSync('/etc/passwd', 'utf8'), stderr: '' });
    expect(new Set(injections.map(({ action }) => action))).toEqual(new Set(['shorten', 'delay']));
  });

  it('move `most` where it is given', async () => {
    const { stdout, injections } = await injected(
      ['/bin/cat', '/etc/passwd'],
      new Chaos({ seed: 1 }).shorten('read', { most: 7, on: 'files', when: { first: 4 } }),
    );
    expect(stdout).toBe(readFileSync('/etc/passwd', 'utf8'));
    expect(new Set(injections.map(({ made }) => made))).toEqual(new Set([7]));
  });
});

describe('calls that come late', () => {
  // Ten minutes each, unless a signal ends the wait.
  it('are ended by a signal, and a call that it restarts comes at once', async () => {
    const chaos = new Chaos({ seed: 1 })
      .delay('fchdir', { ms: 600_000 })
      .delay('read', { ms: 600_000, on: 'streams' })
      .delay('getsid', { ms: 600_000 });
    const code = `${helpers}
signals = []
signal.signal(signal.SIGALRM, lambda *a: signals.append(1))
folder = os.open('/', os.O_RDONLY)
r, w = os.pipe()
os.write(w, b'x')
os.set_inheritable(r, True)
def soon(): signal.setitimer(signal.ITIMER_REAL, 0.3)
soon(); os.fchdir(folder)
signal.siginterrupt(signal.SIGALRM, False)
byte = ctypes.create_string_buffer(8)
soon(); n = call(0, r, byte, 1)
soon(); parent = os.getsid(0)
done([len(signals), n, parent >= 0])`;
    expect(await value(code, chaos)).toEqual([3, 1, true]);
  });
});

describe('barchan chaos', () => {
  const chaos = (args: string[]) => {
    const { status, signal, stdout, stderr } = spawnSync(process.execPath, [cli, 'chaos', ...args], {
      encoding: 'utf8',
      timeout: 200_000,
    });
    return { status, signal, stdout, stderr };
  };

  it('says what it did, the same each time', () => {
    const args = [
      '--seed',
      '4',
      '--preset',
      'short-io',
      '--rule',
      'openat:fail=ENOENT:when=2',
      '--json',
      '-o',
    ];
    const reports = [1, 2].map((n) => {
      const file = join(folder, `report-${n}.json`);
      const { status, stdout } = chaos([
        ...args,
        file,
        '--',
        'sh',
        '-c',
        'cat /etc/services | wc -c; exit 3',
      ]);
      expect({ status, lines: stdout }).toEqual({
        status: 3,
        lines: `${readFileSync('/etc/services').length}\n`,
      });
      return JSON.parse(readFileSync(file, 'utf8'));
    });
    expect(reports[0]).toMatchObject({
      barchanChaos: 1,
      seed: 4,
      missing: 0,
      exit: { exitCode: 3, signal: null, timedOut: false },
    });
    expect(reports[0].injected).toBeGreaterThan(1);
    expect(reports[1]).toEqual(reports[0]);
    const { stderr } = chaos(['--seed', '4', '--rule', 'openat:fail=ENOENT:when=1', '--', 'true']);
    expect(stderr).toMatch(
      /^barchan: chaos: seed 4: 1 faults injected, exit status 0\n.* 1 {2}openat:fail=ENOENT:when=1 \(openat 1\)\n$/,
    );
  });

  it('finds the seeds that make a difference, and how to see it again', () => {
    const command = ['sh', '-c', 'umask "0$((1 + 1))"; cd / || exit 7; echo "it\'s"'];
    const rules = ['--rule', 'chdir:fail=EIO:p=0.4', '--timeout', '60000'];
    const { status, stderr, stdout } = chaos([
      '--seed=3',
      '--runs',
      '8',
      '--json',
      ...rules,
      '--',
      ...command,
    ]);
    expect(stdout).toBe('');
    const report = JSON.parse(stderr);
    expect(report).toMatchObject({
      barchanChaosSearch: 1,
      runs: 8,
      firstSeed: 3,
      lastSeed: 10,
      expected: { exitCode: 0, signal: null, timedOut: false },
    });
    // Chance decides for each of eight seeds, the same way each time: some, not all.
    expect(report.failures.length).toBeGreaterThan(0);
    expect(report.failures.length).toBeLessThan(8);
    expect(status).toBe(1);
    const { seed, exit, injected, reproduce } = report.failures[0];
    expect({ exit, injected }).toEqual({ exit: { exitCode: 7, signal: null, timedOut: false }, injected: 1 });
    expect(reproduce).toContain(
      `barchan chaos --seed ${seed} --timeout 60000 --rule chdir:fail=EIO:p=0.4 -- sh -c '`,
    );
    const again = spawnSync('sh', ['-c', reproduce.replace('barchan', '"$0" "$1"'), process.execPath, cli], {
      encoding: 'utf8',
    });
    expect(again).toMatchObject({ status: 7, stdout: '' });
    const never = ['--seed', `${seed}`, '--runs=1', '--rule', 'chdir:fail=EIO:when=9', '--', ...command];
    expect(chaos(never).status).toBe(0);
  });

  it.each([
    ['no rule', ['--', 'true'], /no rule was given/],
    ['no program', ['--preset', 'eintr'], /no program was given/],
    ['no such preset', ['--preset', 'x', '--', 'true'], /There are: eintr, short-io/],
    ['a wrong seed', ['--seed=-1', '--preset', 'eintr', '--', 'true'], /--seed must be a whole number/],
    ['a wrong number of runs', ['--runs', '0', '--preset', 'eintr', '--', 'true'], /--runs must be/],
    ['a wrong rule', ['--rule', 'open:fail=EIO', '--', 'true'], /"openat", which open becomes/],
  ])('explains %s', (_, args, message) => {
    const { status, stderr } = chaos(args);
    expect(stderr).toMatch(message);
    expect(status).toBe(2);
  });
});
