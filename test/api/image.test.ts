/** Sandboxes that show an image: what docker would give a program of it, by API and command line. */
import { execFile, execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { removeTree } from '../../lib/image/remove-tree.js';
import { removeImage, Sandbox } from '../../lib/index.js';
import { busybox, busyboxLayer, dockerSave, type ImageSpec, tar, writeLayout } from '../helpers/images.js';
import { requires } from '../helpers/skip.js';

const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'barchan-images-'));
chmodSync(folder, 0o755);
afterAll(() => removeTree(folder));
const cli = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const cache = join(folder, 'cache');
const layout = join(folder, 'layout');
const archive = join(folder, 'saved:with:colons.tar');

const spec = (): ImageSpec => ({
  layers: [
    busyboxLayer('sh', 'id', 'env', 'pwd', 'cat', 'ls', 'touch', 'stat', 'echo', 'ln'),
    tar([
      { name: 'home/app/', mode: 0o755, uid: 1000, gid: 1001 },
      { name: 'home/app/own', content: 'mine\n', uid: 1000, gid: 1001 },
      { name: 'bin/root-only', mode: 0o4755, content: '#!/bin/sh\nid -u\n' },
      { name: 'lib', type: '2', link: '/etc' },
      { name: 'escape', type: '2', link: '../../../../../../../../etc/hostname' },
    ]),
  ],
  config: {
    Env: ['GREETING=hello world', 'PATH=/bin:/sbin'],
    WorkingDir: '/home/app',
    User: 'app:web',
    Entrypoint: ['echo', 'ran'],
    Cmd: ['by', 'default'],
  },
  names: ['demo:1'],
});

const image = { path: layout, cache };

describe.skipIf(busybox === undefined)('a sandbox with an image', () => {
  let id: string | undefined;
  beforeAll(async () => {
    writeLayout(layout, spec());
    writeFileSync(archive, dockerSave(spec()));
  });

  const sh = async (script: string, options: object = {}, own: object = {}): Promise<string> => {
    await using box = await Sandbox.create({ rootfs: { image }, ...options });
    id = box.image?.id;
    const { stdout, stderr, exitCode } = await box.exec(['sh', '-c', script], { timeoutMs: 30_000, ...own });
    expect([stderr, exitCode]).toEqual(['', 0]);
    return stdout;
  };

  it('has its environment, working directory, user and files', async () => {
    expect(await sh('id -u; id -g; pwd; echo $GREETING $HOME $PATH; cat own; ls /')).toBe(
      '1000\n33\n/home/app\nhello world /home/app /bin:/sbin\nmine\nbin\ndev\nescape\netc\nhome\nlib\nproc\nroot\nrun\nsys\ntmp\n',
    );
  });

  it('can be written, and nothing of it stays', async () => {
    expect(await sh('echo new > own; touch /new; cat own; ls /new')).toBe('new\n/new\n');
    expect(await sh('cat own; ls /new 2>&1 || true')).toContain('mine\nls: /new: No such file');
    expect(
      await sh('(touch own && echo changed) 2>/dev/null || echo read-only', {
        rootfs: { image, writable: false },
      }),
    ).toBe('read-only\n');
  });

  it('as root: files belong to whom the image says, and can be changed by their owner', async (context) => {
    requires(context, process.geteuid?.() === 0, 'must be root');
    const script =
      'stat -c %u:%g /etc /bin/busybox . own; (echo x > /etc/passwd) 2>/dev/null || echo not ours';
    expect(await sh(script)).toBe('0:0\n0:0\n1000:1001\n1000:1001\nnot ours\n');
    const user = { uid: 0, gid: 0, hostUid: 100_000, hostGid: 100_000 };
    expect(await sh('stat -c %u . /tmp', { user, cwd: '/etc' })).toBe('65534\n0\n');
  });

  it('can be told otherwise', async () => {
    const user = { uid: 5, gid: 6 };
    expect(await sh('id -u; id -g; echo $HOME', { user })).toBe('5\n6\n/\n');
    expect(await sh('pwd; echo $GREETING.$A', {}, { cwd: '/etc', env: { PATH: '/bin', A: 'b' } })).toBe(
      '/etc\n.b\n',
    );
    expect(await sh('pwd', { cwd: '/bin' })).toBe('/bin\n');
  });

  it('has no special bits, and its links stay inside', async () => {
    expect(await sh('stat -c %a /bin/root-only; cat /escape; ls /lib/passwd')).toBe('755\n/lib/passwd\n');
  });

  it('resolves localhost, and with the host’s network what the host does', async () => {
    expect(await sh('cat /etc/hosts')).toContain('127.0.0.1\tlocalhost\n');
    const host = execFileSync('cat', ['/etc/hosts'], { encoding: 'utf8' });
    expect(await sh('cat /etc/hosts', { network: 'host' })).toBe(host);
  });

  it('keeps its image from being removed until it is closed', async () => {
    const box = await Sandbox.create({ rootfs: { image } });
    expect(box.image).toMatchObject({ id, config: { entrypoint: ['echo', 'ran'], cmd: ['by', 'default'] } });
    await expect(removeImage(box.image?.id as string, { cache })).rejects.toMatchObject({
      code: 'ERR_IMAGE_CACHE',
    });
    await box.close();
    await removeImage(box.image?.id as string, { cache });
    expect(await sh('echo again')).toBe('again\n');
  });

  it('lets go of it when it cannot be made', async () => {
    const mounts = [{ source: folder, target: '/etc/passwd/x' }];
    await expect(Sandbox.create({ rootfs: { image }, mounts })).rejects.toMatchObject({
      code: 'ERR_SANDBOX_SETUP',
      step: 'mount',
    });
    await removeImage(id as string, { cache });
  });

  it.each([
    [{ rootfs: { image: 5 } }, 'options.rootfs.image'],
    [{ rootfs: { image: '' } }, 'options.rootfs.image'],
    [{ rootfs: { image: { reference: 'x' } } }, 'options.rootfs.image.path'],
    [{ rootfs: { image: { path: '/x', limits: { entries: -1 } } } }, 'options.rootfs.image.limits.entries'],
    [{ rootfs: { image: '/x', directory: '/' } }, 'options.rootfs.directory'],
    [{ rootfs: { image: '/x', writable: true } }, 'options.rootfs.writable'],
    [{ rootfs: { image: '/x' }, isolation: 'none' }, 'options.rootfs'],
  ])('refuses %o', async (options, path) => {
    await expect(Sandbox.create(options as object)).rejects.toMatchObject({
      code: 'ERR_INVALID_OPTION',
      path,
    });
  });

  it('says what is wrong with an image', async () => {
    await expect(Sandbox.create({ rootfs: { image: { path: '/no/such', cache } } })).rejects.toMatchObject({
      code: 'ERR_IMAGE_NOT_FOUND',
    });
    const { path } = writeLayout(join(folder, 'odd'), { ...spec(), config: { User: 'nobody-here' } });
    await expect(Sandbox.create({ rootfs: { image: { path, cache } } })).rejects.toMatchObject({
      code: 'ERR_IMAGE_INVALID',
    });
  });

  describe('on the command line', () => {
    const barchan = (...args: string[]): Promise<{ stdout: string; stderr: string; status: number }> =>
      new Promise((resolve) => {
        const env = { ...process.env, XDG_CACHE_HOME: folder };
        execFile(process.execPath, [cli, ...args], { env, encoding: 'utf8' }, (error, stdout, stderr) =>
          resolve({ stdout, stderr, status: typeof error?.code === 'number' ? error.code : error ? -1 : 0 }),
        );
      });

    it.each<[string[], string]>([
      [['run', '--image', layout], 'ran by default\n'],
      [['run', '--image', layout, '--', 'x', 'y'], 'ran x y\n'],
      [['run', '--image', `${layout}:demo:1`], 'ran by default\n'],
      [['run', '--image', archive], 'ran by default\n'],
      [['run', '--image', `${archive}:demo:1`], 'ran by default\n'],
      [['run', '--image', layout, '--entrypoint', 'id', '--', '-u'], '1000\n'],
      [['run', '--image', layout, '--entrypoint', '', '--', 'pwd'], '/home/app\n'],
      [
        ['run', '--image', layout, '--entrypoint', 'sh', '-e', 'A=b', '--', '-c', 'echo $A $GREETING'],
        'b hello world\n',
      ],
      [
        [
          'run',
          '--image',
          layout,
          '--entrypoint',
          'sh',
          '--clear-env',
          '-e',
          'PATH=/bin',
          '--',
          '-c',
          'echo $PATH.$GREETING',
        ],
        '/bin.\n',
      ],
      [
        [
          'run',
          '--image',
          layout,
          '--writable',
          'none',
          '--entrypoint',
          'sh',
          '--',
          '-c',
          'touch /x 2>&1 || echo no',
        ],
        'touch: /x: Read-only file system\nno\n',
      ],
    ])('%o', async (args, expected) => {
      expect(await barchan(...args)).toMatchObject({ stdout: expected, stderr: '', status: 0 });
    });

    it('image load, list, remove, prune', async () => {
      const loaded = await barchan('image', 'load', layout);
      expect(loaded.stdout).toMatch(/^[0-9a-f]{12} +\d+\.\d MB {2}\d{4}-\d\d-\d\d {2}demo:1\n$/);
      const short = loaded.stdout.slice(0, 12);
      expect((await barchan('image', 'list')).stdout).toContain(loaded.stdout);
      const [info] = JSON.parse((await barchan('image', 'list', '--json')).stdout) as { id: string }[];
      expect(info?.id).toMatch(/^sha256:[0-9a-f]{64}$/);
      expect(await barchan('image', 'remove', short)).toMatchObject({ stdout: '', stderr: '', status: 0 });
      expect((await barchan('image', 'list')).stdout).not.toContain(short);
      expect(await barchan('image', 'remove', short)).toMatchObject({
        status: 125,
        stderr: expect.stringContaining('barchan image list'),
      });
      expect(await barchan('image', 'prune', '--unused-for', '1')).toMatchObject({ stdout: '', status: 0 });
    });

    it.each<[string[], string]>([
      [['run', '--image', layout, '--rootfs', '/'], 'exclude'],
      [['run', '--entrypoint', 'x', '--', 'true'], '--image'],
      [['run', '--image-cache', '/tmp', '--', 'true'], '--image'],
      [['run'], 'no program'],
      [['image', 'eat'], 'there is no "eat"'],
      [['image', 'load'], 'no image was given'],
      [['image', 'list', 'x'], 'not expected'],
      [['image', 'load', 'x', '--limit', 'much'], '--limit'],
      [['image', 'prune', '--unused-for', 'ever'], '--unused-for'],
    ])('refuses %o', async (args, text) => {
      expect(await barchan(...args)).toMatchObject({ status: 2, stderr: expect.stringContaining(text) });
    });
  });

  it('as an ordinary user, whose files all of it then are', async (context) => {
    requires(context, process.geteuid?.() === 0, 'must be root, to become another user');
    const own = join(folder, 'theirs');
    mkdirSync(own);
    chmodSync(own, 0o777);
    const args = [
      '--reuid=65534',
      '--regid=65534',
      '--groups',
      String(execFileSync('stat', ['-c', '%g', '/dev/kvm'], { encoding: 'utf8' }).trim()),
    ];
    const run = (script: string): string =>
      execFileSync(
        'setpriv',
        [
          ...args,
          process.execPath,
          cli,
          'run',
          '--image',
          layout,
          '--image-cache',
          own,
          '--entrypoint',
          'sh',
          '--',
          '-c',
          script,
        ],
        { encoding: 'utf8', cwd: '/' },
      );
    expect(run('id -u; stat -c %u:%g own /bin/busybox; echo more >> own; cat own')).toBe(
      '1000\n1000:33\n1000:33\nmine\nmore\n',
    );
  });
});
