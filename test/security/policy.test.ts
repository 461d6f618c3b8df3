/** What a policy forbids fails, by every name and form, and the calls that it lets through still work. */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { Policy, type PolicyDescription, run } from '../../lib/index.js';
import { compileGuest, type GuestProgram } from '../helpers/guest-programs.mjs';

const programs = fileURLToPath(new URL('./programs', import.meta.url));
const compile = (name: string): Promise<string> =>
  compileGuest({ name, source: join(programs, `${name}.c`) } as GuestProgram, 'static');

/** NAME=ok or NAME=ERRNO of each attempt. */
async function attempts(policy: Policy | PolicyDescription | undefined, ...names: string[]) {
  const { stdout, stderr, exitCode, signal } = await run([await compile('attempts'), ...names], {
    policy,
    isolation: 'none',
  });
  expect({ stderr, exitCode, signal }).toEqual({ stderr: '', exitCode: 0, signal: null });
  return Object.fromEntries(
    stdout
      .trim()
      .split('\n')
      .map((line) => line.split('=')),
  );
}

describe('profiles', () => {
  it('compat lets through what the gate does', async () => {
    const names = ['open', 'openat', 'fork', 'clone', 'socket-inet', 'dup', 'dup2', 'getppid', 'map-wx'];
    const found = await attempts(Policy.compat(), ...names, 'ptrace', 'unknown');
    expect(found).toEqual({
      ...Object.fromEntries(names.map((name) => [name, 'ok'])),
      ptrace: 'EPERM',
      unknown: 'ENOSYS',
    });
  });

  it('default lets usual calls through and no others', async () => {
    const found = await attempts(Policy.default(), 'open', 'fork', 'socket-inet', 'shm-x', 'unknown');
    expect(found).toEqual({
      open: 'ok',
      fork: 'ok',
      'socket-inet': 'ok',
      'shm-x': 'EPERM',
      unknown: 'ENOSYS',
    });
  });

  it('strict lets neither files nor sockets nor processes be made', async () => {
    const names = [
      'open',
      'openat',
      'openat2',
      'creat',
      'fork',
      'clone',
      'execve',
      'socket-unix',
      'socket-inet',
      'dup',
      'dup2',
    ];
    const found = await attempts(Policy.strict(), 'fstat', ...names, 'stat');
    expect(found).toMatchObject({ fstat: 'ok', stat: 'EPERM' });
    for (const name of names) expect(found[name], name).toMatch(/^(EPERM|ENOSYS)$/);
  });
});

describe('rules', () => {
  it('deny a call by its older names as well, with the errno asked for', async () => {
    const policy = Policy.compat().deny('openat', { errno: 'EROFS' }).deny('dup3', { errno: 9 });
    const found = await attempts(policy, 'open', 'creat', 'openat', 'openat2', 'dup2', 'dup3', 'dup');
    expect(found).toEqual({
      open: 'EROFS',
      creat: 'EROFS',
      openat: 'EROFS',
      openat2: 'ok',
      dup2: 'EBADF',
      dup3: 'EBADF',
      dup: 'ok',
    });
  });

  it('deny by family', async () => {
    const policy = Policy.compat().deny('@net', { errno: 'EACCES' }).allow('socketpair');
    expect(await attempts(policy, 'socket-unix', 'socket-inet', 'openat')).toEqual({
      'socket-unix': 'EACCES',
      'socket-inet': 'EACCES',
      openat: 'ok',
    });
  });

  it('look at arguments in the width that Linux reads', async () => {
    const policy = Policy.compat().when('socket', { domain: 2 }, 'deny', { errno: 'EAFNOSUPPORT' });
    expect(await attempts(policy, 'socket-inet', 'socket-inet-high', 'socket-unix')).toEqual({
      'socket-inet': 'EAFNOSUPPORT',
      'socket-inet-high': 'EAFNOSUPPORT',
      'socket-unix': 'ok',
    });
  });

  it('look into the copy of open_how, by its fields', async () => {
    const linkless = Policy.compat().when('openat2', { resolve: { mask: 4, equals: 0 } }, 'deny', {
      errno: 'EROFS',
    });
    expect(await attempts(linkless, 'openat2', 'openat2-no-links', 'openat2-nowhere', 'openat')).toEqual({
      openat2: 'EROFS',
      'openat2-no-links': 'ok',
      'openat2-nowhere': 'EFAULT',
      openat: 'ok',
    });
    // Nothing of what is refused of openat can be had by openat2.
    const reading = Policy.default().when('openat', { flags: { mask: 3, notEquals: 0 } }, 'deny', {
      errno: 'EROFS',
    });
    const names = ['openat', 'openat-write', 'openat2', 'openat2-write', 'creat'];
    expect(await attempts(reading, ...names)).toEqual({
      openat: 'ok',
      'openat-write': 'EROFS',
      openat2: 'ok',
      'openat2-write': 'EROFS',
      creat: 'EROFS',
    });
    // The later rule decides.
    expect(await attempts(reading.allow('openat'), ...names)).toMatchObject({
      'openat-write': 'ok',
      'openat2-write': 'ok',
    });
  });

  it('refuse extended attributes under default as a file system without them does', async () => {
    expect(await attempts(Policy.default(), 'getxattr')).toEqual({ getxattr: 'EOPNOTSUPP' });
  });

  it('refuse an older form that lacks the argument that a rule looks at', async () => {
    const cloexec = 0o2000000;
    const policy = Policy.compat().when('dup3', { flags: { mask: cloexec, equals: 0 } }, 'deny');
    expect(await attempts(policy, 'dup3', 'dup2')).toEqual({ dup3: 'ok', dup2: 'EPERM' });
  });

  it('decide by the last one that fits', async () => {
    const policy = Policy.strict().allow('socket').when('socket', { domain: 2 }, 'deny', { errno: 'EXDEV' });
    expect(await attempts(policy, 'socket-unix', 'socket-inet')).toEqual({
      'socket-unix': 'ok',
      'socket-inet': 'EXDEV',
    });
    expect(await attempts(policy.allow('socket'), 'socket-inet')).toEqual({ 'socket-inet': 'ok' });
  });

  it('kill by SIGSYS, which is the program’s own death', async () => {
    const result = await run([await compile('attempts'), 'openat', 'getppid', 'openat'], {
      policy: Policy.compat().kill('getppid'),
      isolation: 'none',
    });
    expect(result).toMatchObject({ stdout: 'openat=ok\n', exitCode: null, signal: 'SIGSYS' });
  });

  it('hold for children and what they execute', async () => {
    const result = await run(
      [
        '/bin/sh',
        '-c',
        `(exec ${await compile('attempts')} getppid) | cat; ${await compile('attempts')} getppid`,
      ],
      { policy: Policy.compat().deny('getppid', { errno: 'EDOM' }), isolation: 'none' },
    );
    expect(result.stdout).toBe('getppid=EDOM\ngetppid=EDOM\n');
  });
});

describe('networks', () => {
  const connections = ['connect', 'connect-other', 'connect-any', 'connect-mapped', 'connect-mapped-other'];

  it('are those listed, and no others, whatever form an address takes', async () => {
    const server = createServer((socket) => socket.end()).listen(0, '0.0.0.0');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const list = Policy.compat().network({ address: '127.0.0.1', ports: port });
    const found = await attempts(list, `port=${port}`, ...connections, 'connect-six', 'socket-unix');
    expect(found).toEqual({
      connect: 'ok',
      'connect-mapped': 'ok',
      'connect-other': 'EACCES',
      'connect-any': 'EACCES',
      'connect-mapped-other': 'EACCES',
      'connect-six': 'EACCES',
      'socket-unix': 'ok',
    });
    const all = await attempts(Policy.compat(), `port=${port}`, ...connections);
    expect(all).toEqual(Object.fromEntries(connections.map((name) => [name, 'ok'])));
    const other = await attempts(
      Policy.compat().network({ address: '127.0.0.1', ports: [port + 1, 65535] }, { address: '10.0.0.0/8' }),
      `port=${port}`,
      'connect',
    );
    expect(other).toEqual({ connect: 'EACCES' });
    server.close();
  });

  it('hold for datagrams, by every call, and nothing goes round addresses', async () => {
    const names = [
      'sendto',
      'sendto-unspec',
      'sendmsg',
      'sendmsg-unspec',
      'sendmsg-route',
      'route-option',
      'socket-raw',
      'socket-packet',
    ];
    const nothing = Policy.compat().network();
    const found = await attempts(nothing, 'port=9', ...names);
    expect(found).toEqual(Object.fromEntries(names.map((name) => [name, 'EACCES'])));
  });

  it('are judged on a copy that another thread cannot change', async () => {
    const sockets: Socket[] = [];
    const counts = [0, 0];
    const ports = await Promise.all(
      [0, 1].map(async (index) => {
        const socket = createSocket('udp4', () => (counts[index] = (counts[index] ?? 0) + 1));
        socket.bind(0, '127.0.0.1');
        await once(socket, 'listening');
        sockets.push(socket);
        return socket.address().port;
      }),
    );
    const policy = Policy.compat().network({ address: '127.0.0.1', ports: ports[0] as number });
    const { stdout } = await run([await compile('connect_race'), ...ports.map(String), '3000'], {
      policy,
      isolation: 'none',
    });
    const [connected, refused] = stdout.split(' ').map(Number) as [number, number];
    expect(connected + refused).toBe(3000);
    expect(connected).toBeGreaterThan(0);
    expect(refused).toBeGreaterThan(0);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(counts[0]).toBeGreaterThan(0);
    expect(counts[1]).toBe(0);
    for (const socket of sockets) socket.close();
  });
});

describe('write xor execute', () => {
  it('lets nothing become executable that was written', async () => {
    const policy = Policy.compat().writeXorExecute();
    const forbidden = [
      'map-wx',
      'protect-w-to-x',
      'protect-r-to-x',
      'protect-none-to-x',
      'memfd-x',
      'memfd-shared-x',
      'shm-x',
    ];
    const found = await attempts(policy, ...forbidden, 'map-x');
    expect(found).toEqual({
      ...Object.fromEntries(forbidden.map((name) => [name, 'EACCES'])),
      'map-x': 'ok',
    });
    const without = await attempts(Policy.compat(), ...forbidden);
    expect(without).toEqual(Object.fromEntries(forbidden.map((name) => [name, 'ok'])));
  });

  it('lets compilers switch when they are allowed by name, and no page be both', async () => {
    const forbidden = ['map-wx', 'memfd-shared-x', 'shm-x'];
    const switching = ['protect-w-to-x', 'protect-r-to-x', 'protect-none-to-x', 'memfd-x', 'map-x'];
    const found = await attempts(Policy.compat().writeXorExecute('jit'), ...forbidden, ...switching);
    expect(found).toEqual({
      ...Object.fromEntries(forbidden.map((name) => [name, 'EACCES'])),
      ...Object.fromEntries(switching.map((name) => [name, 'ok'])),
    });
  });

  it('still runs dynamic programs', async () => {
    const policy = Policy.default().writeXorExecute();
    const { stdout } = await run(['/bin/sh', '-c', 'ls -d / | cat'], { policy, isolation: 'none' });
    expect(stdout).toBe('/\n');
  });
});
