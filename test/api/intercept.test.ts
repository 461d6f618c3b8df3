/** Sandbox.intercept(): what handlers see and decide, and what becomes of calls that they do not decide. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  callGroups,
  type Decision,
  type InterceptedCall,
  Policy,
  Sandbox,
  type SandboxError,
} from '../../lib/index.js';
import { syscalls } from '../../lib/syscalls.js';
import { describeFds } from '../helpers/open-files.js';

const folder = mkdtempSync(join(tmpdir(), 'barchan-intercept-api-'));
const file = join(folder, 'file');
writeFileSync(file, 'on disk');
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let box: Sandbox;
beforeEach(async () => {
  box = await Sandbox.create({ isolation: 'none', timeoutMs: 30_000 });
});
afterEach(() => box.close());

const virtual = '/virtual';
type Open = InterceptedCall<'openat' | 'openat2'>;

/** Decides /virtual and lets the rest through. */
function onVirtual(decide: (call: Open) => Decision | Promise<Decision>): void {
  box.intercept(callGroups.open, (call) => (call.args.path === virtual ? decide(call) : call.allow()));
}
const cat = (path = virtual): Promise<{ stdout: string; stderr: string; exitCode: number | null }> =>
  box.exec(['/bin/cat', path]);
const python = (code: string): Promise<{ stdout: string; stderr: string; signal: string | null }> =>
  box.exec(['/usr/bin/python3', '-c', code]);

describe('a handler', () => {
  it('lets a call through, or with another path', async () => {
    onVirtual((call) => call.allow({ path: file }));
    expect((await cat()).stdout).toBe('on disk');
    expect((await cat(file)).stdout).toBe('on disk');
  });

  it('changes scalars', async () => {
    box.intercept('openat', (call) =>
      call.args.path.startsWith(folder)
        ? call.allow({ flags: Number(call.args.flags) & ~0o3 })
        : call.allow(),
    );
    const { stdout } = await python(
      `import os\nfd = os.open(${JSON.stringify(file)}, os.O_RDWR)\ntry:\n  os.write(fd, b'x')\nexcept OSError as e: print(e.errno)`,
    );
    expect(stdout).toBe('9\n');
    expect(readFileSync(file, 'utf8')).toBe('on disk');
  });

  it.each([
    ['ENOENT', 2],
    [13, 13],
  ])('denies with %s', async (errno, number) => {
    onVirtual((call) => call.deny(errno));
    expect((await python(`open('${virtual}')`)).stderr).toContain(`[Errno ${number}]`);
  });

  it('returns a value', async () => {
    box.intercept('getuid', (call) => call.value(12345));
    expect((await python('import os; print(os.getuid())')).stdout).toBe('12345\n');
  });

  it('returns bytes, into buffers, vectors and structures', async () => {
    onVirtual((call) => call.file('real'));
    box.intercept(['read', 'readv', 'pread64'], (call) =>
      (call.args as { fd: number }).fd === 77
        ? call.bytes(`${call.name} up to ${call.room}`.slice(0, call.room))
        : call.allow(),
    );
    box.intercept('uname', (call) => call.bytes(Buffer.from('Virtual\0')));
    const { stdout, stderr } = await python(`
import os
print(os.read(77, 64), os.pread(77, 4, 0))
a, b = bytearray(3), bytearray(100)
n = os.readv(77, [a, b])
print(n, bytes(a), bytes(b[:n - 3]))
print(os.uname().sysname)`);
    expect(stderr).toBe('');
    expect(stdout).toBe("b'read up to 64' b'prea'\n15 b'rea' b'dv up to 103'\nVirtual\n");
  });

  it('returns a descriptor of its own', async () => {
    let released = 0;
    onVirtual((call) => {
      const fd = openSync(file, 'r');
      return call.fd(fd, { release: () => released++ });
    });
    expect((await cat()).stdout).toBe('on disk');
    expect(released).toBe(1);
  });

  it('keeps close-on-exec as the call asks for it', async () => {
    onVirtual((call) => call.file('x'));
    const code = (flags: string): string =>
      `import os, fcntl\nprint(fcntl.fcntl(os.open('${virtual}', ${flags}), fcntl.F_GETFD))`;
    // Python adds O_CLOEXEC; the C library's own name for the call does not.
    expect((await python(code('os.O_RDONLY'))).stdout).toBe('1\n');
    const plain = `import ctypes, fcntl\nprint(fcntl.fcntl(ctypes.CDLL(None).open(b'${virtual}', 0), fcntl.F_GETFD))`;
    expect((await python(plain)).stdout).toBe('0\n');
  });

  it('gives no directories', async () => {
    const failures: unknown[] = [];
    box.intercept(
      'openat',
      (call) => (call.args.path === virtual ? call.fd(openSync('/', 'r')) : call.allow()),
      { onFailure: (error) => failures.push((error.cause as SandboxError).code) },
    );
    expect((await python(`open('${virtual}')`)).stderr).toContain('[Errno 1]');
    expect(failures).toEqual(['ERR_INVALID_OPTION']);
  });

  it('ends the process', async () => {
    onVirtual((call) => call.kill());
    expect(await box.exec(['/bin/cat', virtual])).toMatchObject({ signal: 'SIGSYS' });
  });

  it('serves connections', async () => {
    const server = createServer((request, response) => response.end(`you asked for ${request.url}`));
    const asked: unknown[] = [];
    box.intercept('connect', (call) => {
      asked.push(call.args.addr);
      return call.serve((socket) => server.emit('connection', socket));
    });
    const get = (host: string): string => `
import http.client
c = http.client.HTTPConnection('${host}', 80)
c.request('GET', '/x?y=1')
print(c.getresponse().read().decode())`;
    expect((await python(get('192.0.2.7'))).stdout).toBe('you asked for /x?y=1\n');
    expect((await python(get('2001:db8::7'))).stdout).toBe('you asked for /x?y=1\n');
    expect(asked).toMatchObject([
      { family: 'inet', address: '192.0.2.7', port: 80 },
      { family: 'inet6', address: '2001:db8::7', port: 80 },
    ]);
    server.close();
  });

  it('sees what is written, sent and executed', async () => {
    const seen: unknown[] = [];
    box.intercept('write', (call) => {
      const text = call.args.buf.toString();
      if (/^(last|two)/.test(text)) seen.push(text);
      return call.allow();
    });
    box.intercept(callGroups.send, (call) => {
      const { buf, msg, dest_addr, address } = call.args as Record<string, unknown>;
      seen.push([call.name, String(buf ?? msg), (dest_addr ?? address) as unknown]);
      return call.name === 'sendmsg' ? call.allow() : call.value(1);
    });
    box.intercept(callGroups.exec, (call) => {
      seen.push(call.args.argv);
      return call.allow({ path: '/bin/echo' });
    });
    const { stdout } = await python(`
import os, socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
print(s.sendto(b'hello', ('192.0.2.1', 9)))
a, b = socket.socketpair()
print(a.sendmsg([b'par', b'ts']), b.recv(9), flush=True)
os.write(1, b'last\\n')
os.execv('/bin/false', ['false', 'two words'])`);
    expect(stdout).toBe("1\n5 b'parts'\nlast\ntwo words\n");
    expect(seen).toMatchObject([
      ['sendto', 'hello', { family: 'inet', address: '192.0.2.1', port: 9 }],
      ['sendmsg', 'parts', undefined],
      'last\n',
      ['false', 'two words'],
      'two words\n',
    ]);
  });

  it('sees the beginning of long writes, which are made in full', async () => {
    const seen: unknown[] = [];
    box.intercept(['write', 'writev'], (call) => {
      const { buf } = call.args as { buf?: Buffer };
      if (buf && buf.length > 1000) seen.push([buf.length, call.truncated]);
      return call.allow();
    });
    const { stdout } = await box.exec(['/usr/bin/head', '-c', '200000', '/dev/zero']);
    expect(stdout).toHaveLength(200_000);
    const code = `
import os, threading
r, w = os.pipe()
t = threading.Thread(target=lambda: print(os.write(w, b'ab' * 150000), os.writev(w, [b'c' * 70000, b'd' * 70000])))
t.start()
read = b''
while len(read) < 440000: read += os.read(r, 1000000)
t.join()
print(read == b'ab' * 150000 + b'c' * 70000 + b'd' * 70000)`;
    expect((await python(code)).stdout).toBe('300000 140000\nTrue\n');
    expect(seen).toContainEqual([65536, ['buf']]);
  });

  it('asks the handler before it', async () => {
    const order: string[] = [];
    box.intercept('openat', (call) => {
      if (call.args.path === virtual) order.push('first');
      return call.args.path === virtual ? call.file('of the first') : call.allow();
    });
    box.intercept('openat', async (call) => {
      if (call.args.path === virtual) order.push('second');
      return call.next();
    });
    expect((await cat()).stdout).toBe('of the first');
    expect(order).toEqual(['second', 'first']);
  });

  it('may start programs itself', async () => {
    onVirtual(async (call) => call.file((await box.exec(['/bin/cat', file])).stdout));
    expect((await cat()).stdout).toBe('on disk');
  });

  it('never allows what the policy refuses', async () => {
    const asked: string[] = [];
    await using strict = await Sandbox.create({
      isolation: 'none',
      policy: Policy.default().deny('mkdirat'),
    });
    strict.intercept(['mkdirat', 'socket'], (call) => {
      asked.push(call.name);
      return call.allow(call.name === 'socket' ? { domain: 16 } : {});
    });
    const code = `import os, socket\ntry: os.mkdir('${folder}/x')\nexcept OSError as e: print(e.errno)\nsocket.socket()`;
    expect((await strict.exec(['/usr/bin/python3', '-c', code])).stdout).toBe('1\n');
    expect(asked).toEqual(['socket']);
  });

  it('that allows every call there is changes nothing', async () => {
    const never = ['exit', 'exit_group', 'rt_sigreturn', 'restart_syscall'];
    const names = [...syscalls().values()]
      .filter(({ kind, name }) => !['rewritten', 'deny', 'absent'].includes(kind) && !never.includes(name))
      .map(({ name }) => name);
    const asked = new Set<string>();
    await using all = await Sandbox.create({ isolation: 'none', policy: 'compat', timeoutMs: 50_000 });
    all.intercept(names, (call) => {
      asked.add(call.name);
      return call.allow();
    });
    const script = `
import os, signal, socket, subprocess, tempfile, threading, time
print(subprocess.run(['/bin/sh', '-c', 'ls / | sort | head -3; (exit 3); echo $?'], capture_output=True).stdout)
listener = socket.socket(); listener.bind(('127.0.0.1', 0)); listener.listen()
near = socket.create_connection(listener.getsockname()); far, _ = listener.accept()
near.sendmsg([b'ab', b'cd']); print(far.recv(10))
with tempfile.TemporaryDirectory() as folder:
    open(folder + '/a', 'w').write('text' * 50000); os.rename(folder + '/a', folder + '/b'); os.symlink('x', folder + '/c')
    print(len(open(folder + '/b').read()), sorted(os.listdir(folder)), os.readlink(folder + '/c'))
signal.signal(signal.SIGALRM, lambda *_: print('alarm')); signal.setitimer(signal.ITIMER_REAL, 0.05); time.sleep(0.2)
pid = os.fork()
if pid == 0: os._exit(5)
print(os.waitpid(pid, 0)[1] >> 8)
x, y = socket.socketpair(); socket.send_fds(x, [b'f'], [0]); print(len(socket.recv_fds(y, 1, 1)[1]))
threads = [threading.Thread(target=print, args=(i,)) for i in range(5)]
for thread in threads: thread.start(); thread.join()`;
    const argv = ['/usr/bin/python3', '-c', script];
    const native = execFileSync(argv[0] as string, argv.slice(1), { encoding: 'utf8' });
    expect(await all.exec(argv)).toMatchObject({ exitCode: 0, stderr: '', stdout: native });
    expect(asked.size).toBeGreaterThan(50);
  });

  it('works with isolation', async () => {
    await using isolated = await Sandbox.create({ timeoutMs: 30_000 });
    isolated.intercept('openat', (call) => (call.args.path === virtual ? call.file('inside') : call.allow()));
    isolated.intercept('connect', (call) => call.serve((socket) => socket.end('hello')));
    expect((await isolated.exec(['/bin/cat', virtual])).stdout).toBe('inside');
    const code = "import socket; print(socket.create_connection(('192.0.2.1', 1)).recv(9))";
    expect((await isolated.exec(['/usr/bin/python3', '-c', code])).stdout).toBe("b'hello'\n");
  });
});

describe('a call that is not decided is refused', () => {
  const reasons: string[] = [];
  const fails = async (
    decide: (call: Open) => unknown,
    options: { timeoutMs?: number; failure?: string; signal?: AbortSignal } = {},
  ): Promise<string> => {
    reasons.length = 0;
    box.intercept(
      callGroups.open,
      (call) => (call.args.path === virtual ? (decide(call) as Decision) : call.allow()),
      {
        ...options,
        onFailure: (error) => reasons.push(error.message),
      },
    );
    const { stderr, signal } = await python(`open('${virtual}')`);
    return signal ?? /\[Errno \d+\]/.exec(stderr)?.[0] ?? stderr;
  };

  it('when the handler throws, now or later', async () => {
    const thrower = (): never => {
      throw new Error('oops');
    };
    expect(await fails(thrower)).toBe('[Errno 1]');
    expect(await fails(async () => thrower())).toBe('[Errno 1]');
    expect(reasons).toEqual(['A call was refused: its handler threw.']);
  });

  it('when it returns something else', async () => {
    for (const value of [undefined, null, true, 0, { action: 'allow' }, 'allow']) {
      expect(await fails(() => value)).toBe('[Errno 1]');
      expect(reasons).toEqual(['A call was refused: its handler returned no decision of this call.']);
    }
  });

  it('when it returns the decision of another call', async () => {
    let other: Decision | undefined;
    box.intercept('openat', (call) => {
      other ??= call.allow();
      return call.allow();
    });
    await cat(file);
    expect(await fails(() => other)).toBe('[Errno 1]');
  });

  it('when it takes too long', async () => {
    let signal: AbortSignal | undefined;
    const slow = async (call: Open): Promise<Decision> => {
      signal = call.signal;
      await sleep(5000, undefined, { ref: false });
      return call.allow();
    };
    expect(await fails(slow, { timeoutMs: 100, failure: 'ETIMEDOUT' })).toBe('[Errno 110]');
    expect(reasons).toEqual(['A call was refused: it was not decided within 100 ms.']);
    expect(signal?.aborted).toBe(true);
  });

  it('when it asks for too much', async () => {
    const wrong: ((call: Open) => unknown)[] = [
      (call) => call.bytes('x'),
      (call) => call.value(-1),
      (call) => call.value(2n ** 63n),
      (call) => call.value(1.5),
      (call) => call.deny(0),
      (call) => call.deny('EWRONG'),
      (call) => call.allow({ path: 'x'.repeat(4096) }),
      (call) => call.allow({ path: 'a\0b' }),
      (call) => call.allow({ path: 7 }),
      (call) => call.allow({ flags: 'x' }),
      (call) => call.allow({ unknown: 1 }),
      (call) => call.fd(99_999),
    ];
    for (const decide of wrong) expect(await fails(decide), decide.toString()).toBe('[Errno 1]');
  });

  it('when its answer holds more than the program asked for', async () => {
    const errors: unknown[] = [];
    box.intercept(
      'read',
      (call) => (call.args.fd === 77 ? call.bytes(Buffer.alloc(100_000)) : call.allow()),
      {
        onFailure: (error) => errors.push((error.cause as SandboxError).code),
      },
    );
    expect((await python('import os; os.read(77, 10)')).stderr).toContain('[Errno 1]');
    expect((await python('import os; os.read(77, 1000000)')).stderr).toContain('[Errno 1]');
    expect(errors).toEqual(['ERR_INVALID_OPTION', 'ERR_INVALID_OPTION']);
  });

  it('when its interception ends', async () => {
    const abort = new AbortController();
    const waits = async (call: Open): Promise<Decision> => {
      abort.abort();
      await once(call.signal, 'abort');
      return call.allow();
    };
    expect(await fails(waits, { signal: abort.signal })).toBe('[Errno 1]');
    expect(reasons).toEqual(['A call was refused: its interception has ended.']);
    // Programs that are started later are not asked about.
    expect((await cat(file)).stdout).toBe('on disk');
  });

  it('by the death of the process, if that is wanted', async () => {
    expect(await fails(() => undefined, { failure: 'kill' })).toBe('SIGSYS');
  });

  it('when no handler is left in a program that was started with one', async () => {
    const interception = box.intercept('openat', (call) => call.allow());
    const guest = await box.spawn(['/bin/sh', '-c', `read x; cat ${file}`]);
    const output = guest.stderr.setEncoding('utf8').toArray();
    await sleep(300);
    interception.close();
    guest.stdin.end('go\n');
    expect((await output).join('')).toContain('Operation not permitted');
  });

  it('when Node ends', async () => {
    const script = `
      import { Sandbox } from ${JSON.stringify(fileURLToPath(new URL('../../dist/index.js', import.meta.url)))};
      const box = await Sandbox.create({ isolation: 'none' });
      box.intercept('openat', (call) => (call.args.path === '/virtual' ? process.kill(process.pid, 'SIGKILL') : call.allow()));
      const guest = await box.spawn(['/bin/sh', '-c', 'cat /virtual; echo survived > ${folder}/survived'], { stdio: 'ignore' });
      console.log(guest.pid);`;
    const node = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const pid = Number((await node.stdout.setEncoding('utf8').toArray()).join(''));
    expect(pid).toBeGreaterThan(0);
    await expect
      .poll(() => {
        try {
          return process.kill(pid, 0);
        } catch {
          return false;
        }
      })
      .toBe(false);
    expect(() => readFileSync(join(folder, 'survived'))).toThrow('ENOENT');
  });
});

describe('afterwards', () => {
  it('nothing is left open', async () => {
    onVirtual((call) => {
      call.file('not used');
      return call.file('used');
    });
    await cat();
    const before = describeFds();
    for (let i = 0; i < 20; i++) await cat();
    await expect.poll(() => describeFds().length).toBeLessThanOrEqual(before.length);
  });
});

describe('options are refused', () => {
  const anything = (call: InterceptedCall): Decision => call.allow();
  it.each<[string, unknown[]]>([
    ['names', ['nosuchcall', anything]],
    ['names', ['open', anything]],
    ['names', ['io_uring_setup', anything]],
    ['names', ['exit_group', anything]],
    ['names', [[], anything]],
    ['names', [7, anything]],
    ['names[1]', [['read', 'creat'], anything]],
    ['handler', ['read', 'allow']],
    ['options', ['read', anything, 7]],
    ['options', ['read', anything, null]],
    ['options.timeoutMs', ['read', anything, { timeoutMs: -1 }]],
    ['options.signal', ['read', anything, { signal: 'x' }]],
    ['options.failure', ['read', anything, { failure: 'ENOTHING' }]],
    ['options.failure', ['read', anything, { failure: 0 }]],
    ['options.onFailure', ['read', anything, { onFailure: 1 }]],
    ['options.other', ['read', anything, { other: 1 }]],
  ])('%s: %j', (path, args) => {
    const intercept = box.intercept.bind(box) as (...args: unknown[]) => unknown;
    expect(() => intercept(...args)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_OPTION', path }));
  });
});
