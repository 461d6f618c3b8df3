/**
 * Attempts to get out of a sandbox, each of which must fail: natively in the monitor's place, so that the set-up alone
 * has to hold, and under the monitor; as root and as an ordinary user.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Sandbox, type SandboxOptions } from '../../lib/index.js';
import { hostState } from '../helpers/host-state.js';
import { compileAttack, runWithoutMonitor } from '../helpers/sandbox-programs.js';
import { requires } from '../helpers/skip.js';

const folder = mkdtempSync(join(tmpdir(), 'barchan-escapes-'));
chmodSync(folder, 0o755);
const secret = join(folder, 'secret');
const device = join(folder, 'kvm');
const socketPath = join(folder, 'socket');
const abstractName = `barchan-escapes-${process.pid}`;
const isRoot = process.getuid?.() === 0;
let victim: ChildProcess;
let servers: Server[] = [];
let port = 0;
let segment = '';
const key = 0x42000000 + (process.pid % 65536);

beforeAll(async () => {
  writeFileSync(secret, 'not to be seen\n', { mode: 0o644 });
  if (isRoot) execFileSync('mknod', ['-m', '666', device, 'c', '10', '232']);
  victim = spawn('sleep', ['1000'], { stdio: 'ignore' });
  const listen = async (where: Parameters<Server['listen']>[0]): Promise<Server> => {
    const server = createServer((socket) => socket.end());
    await new Promise<void>((done) => server.listen(where, done));
    return server;
  };
  servers = [
    await listen({ port: 0, host: '127.0.0.1' }),
    await listen({ path: `\0${abstractName}` }),
    await listen({ path: socketPath }),
  ];
  port = ((servers[0] as Server).address() as AddressInfo).port;
  segment = execFileSync('/usr/bin/python3', [
    '-c',
    `import ctypes; print(ctypes.CDLL(None).shmget(${key}, 4096, 0o1666))`,
  ])
    .toString()
    .trim();
});
afterAll(() => {
  victim?.kill('SIGKILL');
  for (const server of servers) server.close();
  if (segment) execFileSync('ipcrm', ['-m', segment]);
  rmSync(folder, { recursive: true, force: true });
});

const programs: Record<string, { args: () => string[]; least: number; options?: SandboxOptions }> = {
  files: { args: () => [secret], least: 29 },
  proc: { args: () => [], least: 31 },
  processes: { args: () => [String(victim.pid)], least: 12 },
  privileges: { args: () => [], least: 25 },
  mounts: { args: () => [], least: 42 },
  network: { args: () => [String(port), abstractName, socketPath, String(key)], least: 9 },
};

function judge(stdout: string, least: number): void {
  const lines = stdout.trim().split('\n');
  const attempts = lines.filter((line) => !line.startsWith('control '));
  const controls = lines.filter((line) => line.startsWith('control '));
  expect(attempts.filter((line) => !/: E[A-Z0-9]+$/.test(line))).toEqual([]);
  expect(controls.filter((line) => !line.endsWith(': DONE'))).toEqual([]);
  expect(attempts.length, stdout).toBeGreaterThanOrEqual(least);
}

/** The host is as it was. */
function intact(before: string): void {
  expect(hostState()).toBe(before);
  expect(victim.exitCode ?? victim.signalCode).toBeNull();
  for (const path of ['/new', '/etc/new', '/usr/new', '/root/new', '/tmp/own', '/tmp/mem'])
    expect(existsSync(path)).toBe(false);
}

const asAnother: SandboxOptions = { user: { uid: 0, gid: 0, hostUid: 65534, hostGid: 65534 } };

describe.each([
  ['as this user', {}],
  ['as root inside, nobody outside', asAnother],
] satisfies [string, SandboxOptions][])('%s', (_, user) => {
  for (const [name, { args, least }] of Object.entries(programs)) {
    it(`${name}: the set-up alone holds`, async (context) => {
      requires(context, isRoot || user !== asAnother, 'must be root to become another user');
      const before = hostState();
      const result = await runWithoutMonitor(compileAttack(name, folder), args(), user);
      expect(result).toMatchObject({ exitCode: 0, signal: null });
      judge(result.stdout, least);
      intact(before);
    });

    it(`${name}: under the monitor`, async (context) => {
      requires(context, isRoot || user !== asAnother, 'must be root to become another user');
      const before = hostState();
      const path = compileAttack(name, folder);
      // The widest policy: it is the set-up's layer that must hold.
      const mounts = [{ source: path, target: `/run/${name}` }];
      await using box = await Sandbox.create({ ...user, policy: 'compat', mounts });
      const result = await box.exec([`/run/${name}`, ...args()], { timeoutMs: 60_000 });
      expect(result, result.stdout).toMatchObject({ exitCode: 0, signal: null, stderr: '' });
      judge(result.stdout, least);
      intact(before);
    });
  }
});

describe('as an ordinary user of the host', () => {
  for (const [name, { args, least }] of Object.entries(programs)) {
    it(`${name}: under the monitor`, (context) => {
      requires(context, isRoot, 'must be root to become another user');
      const path = compileAttack(name, folder);
      const script = join(folder, 'as-nobody.mjs');
      writeFileSync(
        script,
        `import { Sandbox } from ${JSON.stringify(fileURLToPath(new URL('../../dist/index.js', import.meta.url)))};
const device = { kvmDevice: ${JSON.stringify(device)} };
await (await Sandbox.create({ ...device, isolation: 'none' })).close();
process.setgroups([]); process.setgid(65534); process.setuid(65534);
const mounts = [{ source: ${JSON.stringify(path)}, target: '/run/x' }];
const box = await Sandbox.create({ ...device, policy: 'compat', mounts });
const { stdout, stderr, exitCode } = await box.exec(['/run/x', ...${JSON.stringify(args())}], { timeoutMs: 60000 });
await box.close();
process.stdout.write(stdout); process.stderr.write(stderr); process.exitCode = exitCode;
`,
      );
      const before = hostState();
      const stdout = execFileSync(process.execPath, [script], { encoding: 'utf8', cwd: '/' });
      judge(stdout, least);
      intact(before);
    });
  }
});

it('cannot change the modes, owners and times of the host’s devices', async () => {
  const devices = ['/dev/null', '/dev/zero', '/dev/full', '/dev/random', '/dev/urandom', '/dev/tty'];
  const state = (): string[] =>
    devices.map((path) => JSON.stringify(statSync(path), ['mode', 'uid', 'gid', 'mtimeMs']));
  const before = state();
  await using box = await Sandbox.create();
  // What masks files of procfs is such a device as well. The mode is the one that it has, should the attack succeed.
  const script = `for f in ${devices.join(' ')} /proc/kcore /proc/sysrq-trigger; do
    test -e $f || continue
    chmod 666 $f 2>&1; chown 0:0 $f 2>&1; touch -d 2001-01-01 $f 2>&1
  done | grep -vc "Read-only file system\\|No such device"; echo works > /dev/null; head -c 3 /dev/zero | wc -c`;
  expect((await box.exec(['sh', '-c', script])).stdout).toBe('0\n3\n');
  expect(state()).toEqual(before);
});
