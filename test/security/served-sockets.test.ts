/** A socket from a handler must not be a way into the host's network (docs/intercept.md). */
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Decision, type InterceptedCall, Sandbox, type SandboxOptions } from '../../lib/index.js';
import { native } from '../../lib/native.js';
import { networkProcesses } from '../helpers/network-processes.js';
import { compileAttack } from '../helpers/sandbox-programs.js';
import { requires } from '../helpers/skip.js';

const folder = mkdtempSync(join(tmpdir(), 'barchan-served-'));
const abstractName = `barchan-served-${process.pid}`;
const isRoot = process.getuid?.() === 0;
const servers: Server[] = [];
let program: string;
let port = 0;
let reached = 0;

beforeAll(async () => {
  program = compileAttack('served_socket', folder);
  const listen = async (where: Parameters<Server['listen']>[0]): Promise<AddressInfo> => {
    const server = createServer((socket) => {
      reached++;
      socket.on('error', () => {}).end();
    });
    servers.push(server);
    await new Promise<void>((done) => server.listen(where, done));
    return server.address() as AddressInfo;
  };
  // Where there is IPv6, of both families: 127.0.0.1 and ::1.
  ({ port } = await listen({ port: 0 }));
  await listen({ path: `\0${abstractName}` });
});
afterAll(() => {
  for (const server of servers) server.close();
  rmSync(folder, { recursive: true, force: true });
});

interface Attempt {
  lines: string[];
  failures: unknown[];
}

async function attack(options: SandboxOptions, hostSocket = false): Promise<Attempt> {
  const mounts = [{ source: program, target: '/run/served' }];
  const { addon } = native();
  const failures: unknown[] = [];
  await using box = await Sandbox.create({ policy: 'compat', timeoutMs: 60_000, mounts, ...options });
  const serve = (call: InterceptedCall): Decision =>
    call.serve((socket) => socket.on('error', () => {}).write('hello'));
  box.intercept('connect', (call) => {
    const { addr } = call.args;
    const isServed = addr && 'port' in addr && addr.port === 80;
    return isServed ? serve(call as InterceptedCall) : call.allow();
  });
  box.intercept(
    'openat',
    (call) => {
      if (call.args.path === '/virtual/socket') return serve(call as InterceptedCall);
      if (call.args.path !== '/virtual/host') return call.allow();
      const [ours, programs] = addon.createSocketPair(false);
      addon.closeFd(ours);
      try {
        return call.fd(programs, { hostSocket, release: () => addon.closeFd(programs) });
      } catch (error) {
        addon.closeFd(programs);
        throw error;
      }
    },
    { onFailure: ({ cause }) => failures.push((cause as Error).message) },
  );
  const result = await box.exec(['/run/served', String(port), abstractName]);
  expect(result, result.stdout).toMatchObject({ exitCode: 0, signal: null, stderr: '' });
  return { lines: result.stdout.trim().split('\n'), failures };
}

const isControl = (line: string): boolean => line.startsWith('control ');
const broken = (lines: string[]): string[] =>
  lines.filter((line) => isControl(line) && !line.endsWith(': DONE'));
const successes = (lines: string[]): string[] =>
  lines.filter((line) => !isControl(line) && !/: E[A-Z0-9]+$/.test(line));
const asAnother: SandboxOptions = { user: { uid: 0, gid: 0, hostUid: 65534, hostGid: 65534 } };

describe.each<[string, SandboxOptions]>([
  ['network: none', { network: 'none' }],
  ['network: loopback', { network: 'loopback' }],
  ['as another user', asAnother],
])('%s', (_, options) => {
  it('a socket from a handler leads nowhere', async (context) => {
    requires(context, isRoot || options !== asAnother, 'must be root to become another user');
    reached = 0;
    const { lines, failures } = await attack(options);
    expect(broken(lines)).toEqual([]);
    expect(successes(lines)).toEqual([]);
    expect(lines.filter((line) => !isControl(line))).toHaveLength(19);
    expect(failures).toEqual([expect.stringContaining('fd is wrong')]);
    expect(reached).toBe(0);
  });
});

it('a socket of this process is given where the handler says so', async () => {
  const { lines, failures } = await attack({ network: 'none' }, true);
  expect(successes(lines)).toEqual(['a socket of the host: DONE']);
  expect(failures).toEqual([]);
});

it("the attacks work where the network is the host's", async () => {
  reached = 0;
  const { lines } = await attack({ network: 'host' });
  expect(broken(lines)).toEqual([]);
  expect(successes(lines)).toEqual(
    expect.arrayContaining([
      'tcp to the host: DONE',
      'a port of the host: DONE',
      'an abstract name of the host: DONE',
      'a socket of the host: DONE',
    ]),
  );
  expect(reached).toBeGreaterThan(0);
});

it('connections are served again after somebody has killed their process, and it ends with its sandbox', async () => {
  {
    await using box = await Sandbox.create({ timeoutMs: 30_000 });
    box.intercept('connect', (call) => call.serve((socket) => socket.end('hello')));
    const code = "import socket; print(socket.create_connection(('192.0.2.1', 1)).recv(9))";
    const ask = async (): Promise<string> => (await box.exec(['/usr/bin/python3', '-c', code])).stdout;
    expect(networkProcesses()).toEqual([]);
    expect(await ask()).toBe("b'hello'\n");
    const [pid, ...more] = networkProcesses();
    expect(more).toEqual([]);
    process.kill(pid as number, 'SIGKILL');
    await expect.poll(networkProcesses).toEqual([]);
    expect(await ask()).toBe("b'hello'\n");
    expect(await ask()).toBe("b'hello'\n");
    expect(networkProcesses()).toHaveLength(1);
  }
  expect(networkProcesses()).toEqual([]);
});
