/** What each option of a sandbox with isolation does, seen by a program inside and from outside. */
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ExecResult, Sandbox, SandboxError, type SandboxOptions } from '../../lib/index.js';
import { children, processesWith } from '../helpers/processes.js';

const folder = mkdtempSync(join(tmpdir(), 'barchan-sandbox-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const library = fileURLToPath(new URL('../../dist/index.js', import.meta.url));
const place = (name: string): string => {
  const path = join(folder, name);
  mkdirSync(path, { recursive: true });
  return path;
};

/** Runs a shell script in a sandbox of its own. */
async function sh(options: SandboxOptions, script: string): Promise<ExecResult> {
  await using box = await Sandbox.create({ isolation: 'full', ...options });
  return await box.exec(['sh', '-c', script], { timeoutMs: 30_000 });
}

const failure = async (options: SandboxOptions): Promise<SandboxError> => {
  try {
    await (await Sandbox.create({ isolation: 'full', ...options })).close();
  } catch (error) {
    if (error instanceof SandboxError) return error;
  }
  throw new Error('the sandbox was created');
};

describe('without further options', () => {
  let box: Sandbox;
  beforeAll(async () => {
    box = await Sandbox.create({ isolation: 'full' });
  });
  afterAll(() => box?.close());
  const script = async (text: string): Promise<string> => {
    const { stdout, stderr, exitCode } = await box.exec(['sh', '-c', text]);
    expect(`${exitCode} ${stderr}`).toBe('0 ');
    return stdout;
  };

  it('finds programs in PATH, and says when there is none', async () => {
    expect((await box.exec(['echo', 'hello'])).stdout).toBe('hello\n');
    await expect(box.exec(['no-such-program'])).rejects.toMatchObject({ code: 'ERR_PROGRAM_NOT_FOUND' });
    await expect(box.exec(['/etc/passwd'])).rejects.toMatchObject({ code: 'ERR_PROGRAM_NOT_EXECUTABLE' });
    await expect(box.exec(['x'], { env: { PATH: '/etc:/usr' } })).rejects.toMatchObject({
      code: 'ERR_PROGRAM_NOT_FOUND',
    });
    await expect(box.exec(['apt'], { env: { PATH: '/etc' } })).rejects.toMatchObject({
      code: 'ERR_PROGRAM_NOT_EXECUTABLE',
      path: '/etc/apt',
    });
  });

  it('shows a root that cannot be written, and a /tmp that programs share', async () => {
    expect(await script('touch /x /usr/x /etc/x /dev/x /sys/x 2>/dev/null || echo refused')).toBe(
      'refused\n',
    );
    expect(await script('ls -A /tmp; echo kept > /tmp/file; stat -c %a /tmp /var/tmp /dev/shm')).toBe(
      '1777\n1777\n1777\n',
    );
    expect(await script('cat /tmp/file; echo x > /dev/shm/y; rm /tmp/file /dev/shm/y')).toBe('kept\n');
    expect(existsSync('/tmp/file')).toBe(false);
  });

  it('has processes of its own only, which end with their program', async () => {
    const mark = `97${process.pid}.1`;
    const pids = (await script(`sleep ${mark} >/dev/null 2>&1 & cd /proc; echo [0-9]*`)).trim().split(' ');
    expect(pids.length).toBeLessThanOrEqual(4);
    expect(pids).toEqual(expect.arrayContaining(['1', '2']));
    expect(processesWith(mark)).toHaveLength(1);
    await using guest = await box.spawn(['sh', '-c', `setsid sleep ${mark} & sleep ${mark}`], {
      stdio: 'ignore',
    });
    await guest.end();
    expect(processesWith(mark)).toHaveLength(1);
  });

  it('has a host name, no network, and an environment without this process’s secrets', async () => {
    expect(await script('hostname')).toBe('sandbox\n');
    expect(await script('tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d " "')).toBe('lo\n');
    expect(await script('env | cut -d= -f1 | sort | tr "\\n" " "')).toMatch(
      /^HOME LANG (OLDPWD )?PATH PWD (_ )?$/,
    );
  });

  it('starts in a folder that it shows', async () => {
    const here = process.cwd().startsWith('/tmp') ? '/' : process.cwd();
    expect(await script('pwd')).toBe(`${here}\n`);
    expect((await box.exec(['pwd'], { cwd: '/usr/bin' })).stdout).toBe('/usr/bin\n');
    await expect(box.exec(['pwd'], { cwd: '/no/such' })).rejects.toMatchObject({ code: 'ERR_CWD' });
  });

  it('gives status, signal, streams and session as without isolation', async () => {
    expect(await box.exec(['sh', '-c', 'cat; exit 7'], { input: 'in' })).toMatchObject({
      exitCode: 7,
      stdout: 'in',
    });
    expect(await box.exec(['sh', '-c', 'kill -9 $$'])).toMatchObject({ signal: 'SIGKILL' });
    expect(await box.exec(['sleep', '60'], { timeoutMs: 500 })).toMatchObject({ timedOut: true });
    expect(await script('cat /dev/null; echo through > /dev/stdout')).toBe('through\n');
    expect(await script('cut -d" " -f6 /proc/$$/stat')).toBe('2\n');
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 300);
    await expect(box.exec(['sleep', '60'], { signal: controller.signal })).rejects.toMatchObject({
      code: 'ERR_ABORTED',
    });
  });

  it('runs ordinary programs', async () => {
    const python =
      'import multiprocessing as m, tempfile, subprocess, os\n' +
      'with tempfile.TemporaryFile() as f: f.write(b"x")\n' +
      'print(subprocess.check_output(["uname", "-n"]), os.getcwd() != "")\n' +
      'q = m.get_context("fork").Queue(); p = m.get_context("fork").Process(target=q.put, args=(42,)); p.start(); print(q.get()); p.join()';
    const result = await box.exec(['/usr/bin/python3', '-c', python], { timeoutMs: 60_000 });
    expect(result).toMatchObject({ exitCode: 0, stderr: '', stdout: "b'sandbox\\n' True\n42\n" });
  });

  it('has terminals of its own', async () => {
    const python =
      'import pty, os\npid, fd = pty.fork()\nif pid == 0: print(os.ttyname(0), flush=True); os._exit(0)\nprint(os.read(fd, 100).decode().strip())';
    expect((await box.exec(['/usr/bin/python3', '-c', python])).stdout).toBe('/dev/pts/0\n');
  });
});

describe('rootfs', () => {
  const root = place('root');
  const busybox = existsSync('/usr/bin/busybox') ? '/usr/bin/busybox' : '/bin/busybox';
  beforeAll(() => {
    place('root/bin');
    place('root/data');
    writeFileSync(join(root, 'bin/sh'), readFileSync(busybox), { mode: 0o755 });
    writeFileSync(join(root, 'data/file'), 'from below\n');
    writeFileSync(join(root, 'top'), 'a file at the top\n');
    symlinkSync('/etc', join(root, 'data/link'));
    symlinkSync('data', join(root, 'alias'));
  });

  it('a folder, read-only: nothing of the host is there', async () => {
    const { stdout } = await sh(
      { rootfs: { directory: root } },
      'ls /; cat /top /alias/file; ls /data/link/ || echo none',
    );
    expect(stdout).toBe(
      'alias\nbin\ndata\ndev\nproc\nrun\nsys\ntmp\ntop\na file at the top\nfrom below\nnone\n',
    );
    const { stderr } = await sh({ rootfs: { directory: root } }, 'echo x > /data/new; echo x > /new');
    expect(stderr.match(/Read-only file system/g)).toHaveLength(2);
  });

  it('a folder with a layer in memory: changes are seen inside and gone afterwards', async () => {
    const options: SandboxOptions = { rootfs: { directory: root, writable: 'tmpfs' } };
    const { stdout, stderr } = await sh(
      options,
      'echo more >> /data/file; rm /data/link; mkdir /data/d; echo n > /new; cat /data/file /new; ls /data',
    );
    expect([stdout, stderr]).toEqual(['from below\nmore\nn\nd\nfile\n', '']);
    expect(readFileSync(join(root, 'data/file'), 'utf8')).toBe('from below\n');
    expect(readdirSync(join(root, 'data')).sort()).toEqual(['file', 'link']);
    expect((await sh(options, 'cat /data/file; ls /data')).stdout).toBe('from below\nfile\nlink\n');
  });

  it('a folder with a layer in another: changes are kept there', async () => {
    const layer = place('layer');
    const options: SandboxOptions = { rootfs: { directory: root, writable: { directory: layer } } };
    await sh(options, 'echo more >> /data/file; rm /data/link; mkdir /data/d; echo n > /new');
    expect(readFileSync(join(root, 'data/file'), 'utf8')).toBe('from below\n');
    expect((await sh(options, 'cat /data/file /new; ls /data')).stdout).toBe(
      'from below\nmore\nn\nd\nfile\n',
    );
    expect(readFileSync(join(layer, 'upper/data/file'), 'utf8')).toBe('from below\nmore\n');
  });

  it('the host with a layer in memory', async () => {
    const { stdout, stderr } = await sh(
      { rootfs: { directory: '/', writable: 'tmpfs' } },
      'echo x > /etc/barchan-new; mkdir /usr/barchan-new; echo y > /barchan-new; cat /etc/barchan-new /barchan-new; cp /bin/true /usr/barchan-own && /usr/barchan-own',
    );
    expect([stdout, stderr]).toEqual(['x\ny\n', '']);
    for (const path of ['/etc/barchan-new', '/usr/barchan-new', '/barchan-new', '/usr/barchan-own'])
      expect(existsSync(path)).toBe(false);
  });

  it('with a link that leads out: it stays inside', async () => {
    const evil = place('evil');
    place('evil/bin');
    writeFileSync(join(evil, 'bin/sh'), readFileSync(busybox), { mode: 0o755 });
    place('evil/etc');
    symlinkSync('../../../../../../etc', join(evil, 'out'));
    symlinkSync('/tmp', join(evil, 'var'));
    const { stdout } = await sh(
      { rootfs: { directory: evil, writable: 'tmpfs' }, mounts: [{ source: root, target: '/out/x' }] },
      'ls -d /etc/x/data; ls /etc',
    );
    expect(stdout).toBe('/etc/x/data\nx\n');
    expect(existsSync('/etc/x')).toBe(false);
  });
});

describe('mounts', () => {
  it('are read-only unless they say otherwise', async () => {
    const source = place('source');
    writeFileSync(join(source, 'file'), 'content\n');
    writeFileSync(join(source, 'program'), '#!/bin/sh\necho ran\n', { mode: 0o755 });
    const { stdout } = await sh(
      {
        mounts: [
          { source, target: '/tmp/ro' },
          { source, target: '/mount/rw', readOnly: false },
          { source, target: '/tmp/noexec', noExec: true },
          { source: join(source, 'file'), target: '/run/one/file' },
        ],
      },
      `cat /tmp/ro/file /run/one/file; (echo x > /tmp/ro/new) 2>/dev/null || echo read-only
       echo new > /mount/rw/new; cat /tmp/ro/new; /tmp/ro/program; /tmp/noexec/program 2>/dev/null || echo no exec`,
    );
    expect(stdout).toBe('content\ncontent\nread-only\nnew\nran\nno exec\n');
    expect(readFileSync(join(source, 'new'), 'utf8')).toBe('new\n');
  });

  it('a tmpfs has its size', async () => {
    const { stdout } = await sh(
      { mounts: [{ tmpfs: '/usr/share', sizeBytes: 65536 }] },
      'ls -A /usr/share; head -c 100000 /dev/zero > /usr/share/x 2>/dev/null || stat -c %s /usr/share/x',
    );
    expect(stdout).toBe('65536\n');
  });

  it('without a place to make their target say so', async () => {
    const error = await failure({ mounts: [{ source: folder, target: '/usr/no/such/target' }] });
    expect(error).toMatchObject({
      code: 'ERR_SANDBOX_SETUP',
      step: 'mount',
      path: '/usr/no/such/target',
      errno: 30,
    });
  });

  it('bound memory is shared by all writable places', async () => {
    const { stdout } = await sh(
      { scratchBytes: 1 << 20 },
      'head -c 700000 /dev/zero > /tmp/a; head -c 700000 /dev/zero > /dev/shm/b 2>/dev/null || echo full',
    );
    expect(stdout).toBe('full\n');
  });
});

describe('network', () => {
  const connect = (address: string): string =>
    `/usr/bin/python3 -c '
import socket
try:
    s = socket.socket(); s.settimeout(3); s.bind(("${address}", 0)); s.listen(); c = socket.create_connection(s.getsockname(), 3); print("connected")
except OSError as e: print(e.strerror)'`;

  it('loopback is up and its own', async () => {
    expect((await sh({ network: 'loopback' }, connect('127.0.0.1'))).stdout).toBe('connected\n');
    expect((await sh({ network: 'none' }, connect('127.0.0.1'))).stdout).not.toBe('connected\n');
  });

  it('the host’s is the host’s', async () => {
    const { stdout } = await sh(
      { network: 'host' },
      'cat /proc/net/dev | tail -n +3 | cut -d: -f1; ls /sys/class/net',
    );
    const own = readFileSync('/proc/net/dev', 'utf8')
      .split('\n')
      .slice(2)
      .map((line) => line.split(':')[0]?.trim())
      .filter(Boolean);
    expect(stdout.split(/\s+/)).toEqual(expect.arrayContaining(own));
  });
});

describe('identity', () => {
  it('hostname', async () => {
    expect((await sh({ hostname: 'my-box.example' }, 'hostname')).stdout).toBe('my-box.example\n');
    expect(hostname()).not.toBe('my-box.example');
  });

  it('user', async () => {
    expect(
      (
        await sh(
          { user: { uid: 1234, gid: 567, hostUid: process.getuid?.(), hostGid: process.getgid?.() } },
          'id -u; id -g',
        )
      ).stdout,
    ).toBe('1234\n567\n');
  });

  it('a user that only root may take', async (context) => {
    if (process.getuid?.() !== 0) context.skip('must be root');
    const target = place('owned');
    const { stdout, stderr } = await sh(
      {
        user: { uid: 0, gid: 0, hostUid: 100_123, hostGid: 100_124 },
        rootfs: { directory: '/', writable: 'tmpfs' },
        mounts: [{ source: target, target: '/mount', readOnly: false }],
      },
      'id -u; touch /tmp/x /var/x 2>/dev/null; stat -c %u /tmp/x; touch /mount/x || echo not ours; head -c1 /etc/shadow || true',
    );
    expect(stdout).toBe('0\n0\nnot ours\n');
    expect(stderr).toContain('shadow');
  });

  it('rlimits', async () => {
    const { stdout } = await sh(
      { rlimits: { nofile: 100, fsize: 512 * 1024, nproc: { soft: 50, hard: 60 }, cpu: 'unlimited' } },
      'ulimit -n; ulimit -f; ulimit -c; grep "Max processes" /proc/self/limits | tr -s " "; ulimit -t',
    );
    expect(stdout.split('\n').slice(0, 4)).toEqual(['100', '1024', '0', 'Max processes 50 60 processes ']);
  });
});

describe('what the host refuses', () => {
  it('is an error that names the step', async (context) => {
    const hard = Number(/Max processes\s+\w+\s+(\d+)/.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1]);
    if (Number.isNaN(hard)) context.skip('this process may have any number of processes');
    const box = await Sandbox.create({ isolation: 'full', rlimits: { nproc: hard + 1 } });
    await expect(box.exec(['true'])).rejects.toMatchObject({
      code: 'ERR_SANDBOX_SETUP',
      step: 'rlimits',
      errno: 1,
    });
    await box.close();
  });

  /** The code, step and errno of Sandbox.create() by a Node that `prepare`, a shell script, has put in a poorer place. */
  const refused = (unshare: string[], prepare: string): unknown => {
    const script = `import { Sandbox } from ${JSON.stringify(library)};
const error = await Sandbox.create().catch((e) => e);
console.log(JSON.stringify({ code: error.code, step: error.step, errno: error.errno, remedy: error.remedy }));`;
    const { stdout, stderr } = spawnSync(
      'unshare',
      [
        ...unshare,
        'sh',
        '-c',
        `${prepare} && exec "$0" --input-type=module -e "$1"`,
        process.execPath,
        script,
      ],
      { encoding: 'utf8', cwd: '/' },
    );
    expect(stderr).toBe('');
    return JSON.parse(stdout);
  };

  it.each([
    ['max_user_namespaces', 'user-namespace', 'sysctl user.max_user_namespaces'],
    ['max_mnt_namespaces', 'mount-namespace', 'user_namespaces(7)'],
    ['max_net_namespaces', 'network-namespace', 'user_namespaces(7)'],
    ['max_pid_namespaces', 'pid-namespace', 'user_namespaces(7)'],
  ])('a host with no %s', (setting, step, remedy) => {
    expect(refused(['-Ur'], `echo 0 > /proc/sys/user/${setting}`)).toEqual({
      code: 'ERR_SANDBOX_SETUP',
      step,
      errno: 28,
      remedy: expect.stringContaining(remedy),
    });
  });

  it('a host whose /proc or /sys is partly covered, as in a container', (context) => {
    if (process.getuid?.() !== 0) context.skip('must be root');
    expect(refused(['-m'], 'mount -t tmpfs none /proc/bus')).toMatchObject({ step: 'proc', errno: 1 });
    expect(refused(['-m'], 'mount -t tmpfs none /sys/kernel')).toMatchObject({
      step: 'sysfs',
      errno: 1,
      remedy: expect.stringContaining("allowWeaker: ['sysfs']"),
    });
  });

  it('a keeper that was killed is noticed by the next program', async () => {
    const before = children();
    const box = await Sandbox.create({ isolation: 'full' });
    const [keeper] = children().filter((pid) => !before.includes(pid));
    const guest = await box.spawn(['sh', '-c', 'read line; exit 3']);
    process.kill(keeper as number, 'SIGKILL');
    await expect(box.exec(['true'])).rejects.toMatchObject({ code: 'ERR_SANDBOX_SETUP', step: 'join' });
    guest.stdin?.end('\n');
    expect(await guest.exited).toMatchObject({ exitCode: 3 });
    await box.close();
  });
});
