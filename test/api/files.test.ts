/** Sandbox.files: a sandbox's files as its programs see them, also when these are hostile. */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type FileEvent, Sandbox, type SandboxFiles } from '../../lib/index.js';
import { children } from '../helpers/processes.js';

const folder = mkdtempSync(join(tmpdir(), 'barchan-files-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const secret = join(folder, 'secret');
const shared = join(folder, 'shared');
writeFileSync(secret, 'of the host');
mkdirSync(shared);

let box: Sandbox;
let files: SandboxFiles;
beforeAll(async () => {
  box = await Sandbox.create({
    rootfs: { directory: '/', writable: 'tmpfs' },
    mounts: [
      { source: shared, target: '/shared', readOnly: false },
      { source: shared, target: '/shared-ro' },
    ],
  });
  files = box.files;
});
afterAll(() => box?.close());

const sh = async (script: string): Promise<string> => {
  const { stdout, stderr, exitCode } = await box.exec(['sh', '-c', script], { timeoutMs: 30_000 });
  expect([stderr, exitCode]).toEqual(['', 0]);
  return stdout;
};

describe('files', () => {
  it('are there before a program ran, and programs see what was written', async () => {
    await files.write('/tmp/first', 'häl\0lo\n');
    expect(await files.read('/tmp/first', { encoding: 'utf8' })).toBe('häl\0lo\n');
    expect(await files.read('/tmp/first')).toEqual(Buffer.from('häl\0lo\n'));
    expect(await sh('wc -c < /tmp/first; stat -c "%a %u" /tmp/first')).toBe(
      `8\n644 ${process.geteuid?.()}\n`,
    );
    expect(existsSync('/tmp/first')).toBe(false);
    await sh('echo from inside > /tmp/second');
    expect(await files.read('/tmp/second', { encoding: 'utf8' })).toBe('from inside\n');
  });

  it('are those of the root that the sandbox shows, and of its mounts', async () => {
    expect(await files.read('/etc/passwd')).toEqual(readFileSync('/etc/passwd'));
    await files.write('/etc/barchan-new', 'x');
    expect(existsSync('/etc/barchan-new')).toBe(false);
    await files.write('/shared/file', 'y');
    expect(readFileSync(join(shared, 'file'), 'utf8')).toBe('y');
    await expect(files.write('/shared-ro/file', 'z')).rejects.toMatchObject({
      code: 'ERR_FILE_ACCESS',
      errno: 30,
    });
    expect(await files.list('/proc')).toEqual([]);
    expect(await files.list('/tmp/..').then((list) => list.map(({ name }) => name))).toEqual(
      expect.arrayContaining(['etc', 'shared', 'tmp']),
    );
  });

  it('write: append, exclusive, mode, bytes, much', async () => {
    await files.write('/tmp/w', 'a', { mode: 0o755 });
    await files.write('/tmp/w', Buffer.from('b'), { append: true });
    expect(await files.read('/tmp/w', { encoding: 'utf8' })).toBe('ab');
    expect((await files.stat('/tmp/w')).mode).toBe(0o755);
    await files.write('/tmp/w', '');
    expect((await files.stat('/tmp/w')).size).toBe(0);
    await expect(files.write('/tmp/w', 'x', { exclusive: true })).rejects.toMatchObject({
      code: 'ERR_FILE_EXISTS',
    });
    const much = Buffer.alloc(5_000_000, 'much');
    await files.write('/tmp/much', much);
    expect((await files.read('/tmp/much')).equals(much)).toBe(true);
    await expect(files.read('/tmp/much', { maxBytes: 4_999_999 })).rejects.toMatchObject({
      code: 'ERR_FILE_TOO_LARGE',
    });
    expect(await files.read('/tmp/much', { maxBytes: 5_000_000 })).toHaveLength(5_000_000);
  });

  it('stat, exists, symlink, readlink', async () => {
    await files.write('/tmp/s', '12345');
    await files.symlink('s', '/tmp/l');
    await files.symlink('/no/where', '/tmp/dead');
    const stat = await files.stat('/tmp/l');
    expect(stat).toMatchObject({ type: 'file', size: 5, mode: 0o644, links: 1, uid: process.geteuid?.() });
    expect(Math.abs(stat.modified.getTime() - Date.now())).toBeLessThan(60_000);
    expect(await files.stat('/tmp/l', { followLinks: false })).toMatchObject({ type: 'link', size: 1 });
    expect(await files.readlink('/tmp/l')).toBe('s');
    expect(await files.stat('/')).toMatchObject({ type: 'directory' });
    expect([
      await files.exists('/tmp/l'),
      await files.exists('/tmp/dead'),
      await files.exists('/x/y'),
    ]).toEqual([true, false, false]);
    await expect(files.readlink('/tmp/s')).rejects.toMatchObject({ errno: 22 });
  });

  it('mkdir, list, rename, remove', async () => {
    await files.mkdir('/tmp/d', { mode: 0o700 });
    await expect(files.mkdir('/tmp/d')).rejects.toMatchObject({ code: 'ERR_FILE_EXISTS' });
    await expect(files.mkdir('/tmp/no/d')).rejects.toMatchObject({ code: 'ERR_FILE_NOT_FOUND' });
    await files.mkdir('/tmp/d/e/f/', { recursive: true });
    await files.mkdir('/tmp/d/e/f', { recursive: true });
    await files.mkdir('/', { recursive: true });
    await files.write('/tmp/d/file', '');
    await expect(files.mkdir('/tmp/d/file', { recursive: true })).rejects.toMatchObject({
      code: 'ERR_FILE_EXISTS',
    });
    await files.symlink('x', '/tmp/d/link');
    const found = await files.list('/tmp/d');
    expect(found.map(({ name, type }) => `${name} ${type}`).sort()).toEqual([
      'e directory',
      'file file',
      'link link',
    ]);
    await files.rename('/tmp/d/file', '/tmp/d/e/moved');
    await expect(files.rename('/tmp/d/e/moved', '/tmp/d/link', { replace: false })).rejects.toMatchObject({
      code: 'ERR_FILE_EXISTS',
    });
    await files.rename('/tmp/d/e/moved', '/tmp/d/link');
    await expect(files.remove('/tmp/d')).rejects.toMatchObject({ code: 'ERR_FILE_EXISTS', errno: 39 });
    await files.remove('/tmp/d/link');
    await files.remove('/tmp/d/e', { recursive: true });
    await files.remove('/tmp/d');
    await expect(files.remove('/tmp/d')).rejects.toMatchObject({ code: 'ERR_FILE_NOT_FOUND' });
    await files.remove('/tmp/d', { force: true, recursive: true });
    expect(await files.exists('/tmp/d')).toBe(false);
  });

  it('names that are no UTF-8', async () => {
    const path = Buffer.concat([Buffer.from('/tmp/odd/'), Buffer.from([0xff, 0xfe])]);
    await files.mkdir('/tmp/odd');
    await files.write(path, 'odd');
    const [entry] = await files.list('/tmp/odd');
    expect(entry).toMatchObject({ name: '\ufffd\ufffd', nameBytes: Buffer.from([0xff, 0xfe]) });
    expect(await files.read(path, { encoding: 'utf8' })).toBe('odd');
  });

  it('folders with many entries, and deep ones, are listed and removed', async () => {
    await sh('mkdir -p /tmp/many/sub && cd /tmp/many && seq 1 5000 | xargs touch');
    expect(await files.list('/tmp/many')).toHaveLength(5001);
    await expect(files.list('/tmp/many', { maxEntries: 100 })).rejects.toMatchObject({
      code: 'ERR_FILE_TOO_LARGE',
    });
    await files.remove('/tmp/many', { recursive: true });
    const deep =
      'import os\nos.mkdir("/tmp/deep"); os.chdir("/tmp/deep")\nfor i in range(1500):\n  os.mkdir("d" * 20); os.chdir("d" * 20)\n  open("f", "w").close()';
    await box.exec(['/usr/bin/python3', '-c', deep]);
    await expect(files.stat(`/tmp/deep${`/${'d'.repeat(20)}`.repeat(300)}`)).rejects.toMatchObject({
      code: 'ERR_INVALID_OPTION',
    });
    await files.remove('/tmp/deep', { recursive: true });
    expect(await files.exists('/tmp/deep')).toBe(false);
    expect(await sh('ls -A /tmp | grep removed || true')).toBe('');
  });

  it('streams', async () => {
    const chunks = Array.from({ length: 50 }, (_, i) => `line ${i} ${'x'.repeat(10_000)}\n`);
    await pipeline(chunks, files.createWriteStream('/tmp/stream'));
    await pipeline(['more\n'], files.createWriteStream('/tmp/stream', { append: true }));
    expect(await text(files.createReadStream('/tmp/stream'))).toBe(`${chunks.join('')}more\n`);
    expect(await text(files.createReadStream('/tmp/stream', { start: 5, end: 5 }))).toBe('0');
    await expect(text(files.createReadStream('/tmp/none'))).rejects.toMatchObject({
      code: 'ERR_FILE_NOT_FOUND',
    });
    await expect(
      pipeline(['x'], files.createWriteStream('/tmp/stream', { exclusive: true })),
    ).rejects.toMatchObject({ code: 'ERR_FILE_EXISTS' });
    const controller = new AbortController();
    const stream = files.createReadStream('/tmp/stream', { signal: controller.signal });
    controller.abort();
    await expect(text(stream)).rejects.toMatchObject({ code: 'ERR_ABORTED' });
  });

  it('watch', async () => {
    await files.mkdir('/tmp/watched');
    const seen: FileEvent[] = [];
    const controller = new AbortController();
    const watching = (async () => {
      for await (const event of files.watch('/tmp/watched', { signal: controller.signal })) {
        seen.push(event);
        if (event.name === 'last' && event.type === 'removed') break;
      }
    })();
    await files.exists('/tmp/watched'); // behind the watch, in order
    await sh('cd /tmp/watched; echo x > a; echo y >> a; mv a b; rm b; touch last; rm last');
    await watching;
    const key = ({ type, name }: FileEvent): string => `${type} ${name}`;
    expect(seen.map(key)).toEqual(
      expect.arrayContaining([
        'created a',
        'changed a',
        'removed a',
        'created b',
        'removed b',
        'created last',
      ]),
    );
    const gone: FileEvent[] = [];
    const more = (async () => {
      for await (const event of files.watch('/tmp/watched')) gone.push(event);
    })();
    await files.exists('/tmp/watched');
    await files.remove('/tmp/watched');
    await more; // ends with what it watches
    expect(gone.map(key)).toContain('removed undefined');
    const aborted = files.watch('/tmp', { signal: controller.signal });
    controller.abort();
    await expect(aborted.next()).rejects.toMatchObject({ code: 'ERR_ABORTED' });
    await expect(files.watch('/tmp/none').next()).rejects.toMatchObject({ code: 'ERR_FILE_NOT_FOUND' });
  });

  it('abort and options', async () => {
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(files.read('/etc/passwd', { signal })).rejects.toMatchObject({
      code: 'ERR_ABORTED',
      cause: { message: 'enough' },
    });
    const controller = new AbortController();
    const reading = files.read('/tmp/much', { signal: controller.signal });
    controller.abort();
    await expect(reading).rejects.toMatchObject({ code: 'ERR_ABORTED' });
    for (const path of ['', 'relative', '/a\0b', `/${'x'.repeat(4095)}`, 5, undefined])
      await expect(files.read(path as string)).rejects.toMatchObject({
        code: 'ERR_INVALID_OPTION',
        path: 'path',
      });
    await expect(files.read('/x', { maxBytes: -1 })).rejects.toMatchObject({
      code: 'ERR_INVALID_OPTION',
      path: 'options.maxBytes',
    });
    await expect(files.write('/tmp/x', 5 as unknown as string)).rejects.toMatchObject({
      code: 'ERR_INVALID_OPTION',
      path: 'data',
    });
    await expect(files.write('/tmp/x', '', { mode: 0o4755 })).rejects.toMatchObject({
      code: 'ERR_INVALID_OPTION',
      path: 'options.mode',
    });
    await expect(files.list('/tmp', { deep: true } as object)).rejects.toMatchObject({
      code: 'ERR_INVALID_OPTION',
      path: 'options.deep',
    });
  });

  it('many calls at once', async () => {
    await Promise.all(Array.from({ length: 300 }, (_, i) => files.write(`/tmp/at-once-${i}`, String(i))));
    const contents = await Promise.all(
      Array.from({ length: 300 }, (_, i) => files.read(`/tmp/at-once-${i}`, { encoding: 'utf8' })),
    );
    expect(contents).toEqual(Array.from({ length: 300 }, (_, i) => String(i)));
  });
});

describe('hostile programs', () => {
  it.each([
    ['a FIFO', 'mkfifo /tmp/evil', 'ERR_FILE_KIND'],
    ['a device', 'ln -s /dev/zero /tmp/evil', 'ERR_FILE_KIND'],
    ['a terminal', 'ln -s /dev/tty /tmp/evil', 'ERR_FILE_KIND'],
    [
      'a socket',
      'python3 -c \'import socket; socket.socket(socket.AF_UNIX).bind("/tmp/evil")\'',
      'ERR_FILE_KIND',
    ],
    ['a folder', 'mkdir /tmp/evil', 'ERR_FILE_KIND'],
    ['links in a circle', 'ln -s evil /tmp/evil', 'ERR_FILE_KIND'],
    ['a link to a process of the host', 'ln -s /proc/1/root/etc/shadow /tmp/evil', 'ERR_FILE_NOT_FOUND'],
    ['a link to descriptors', 'ln -s /proc/self/fd/3 /tmp/evil', 'ERR_FILE_NOT_FOUND'],
    ['a link to the host’s /tmp', `ln -s ${secret} /tmp/evil`, 'ERR_FILE_NOT_FOUND'],
    ['a link upwards', `ln -s ../../../../../../..${secret} /tmp/evil`, 'ERR_FILE_NOT_FOUND'],
    ['a link to a memfd', 'ln -s /dev/fd/5 /tmp/evil', 'ERR_FILE_NOT_FOUND'],
  ])('%s is neither read nor written', async (_, script, code) => {
    await sh(script);
    await expect(files.read('/tmp/evil')).rejects.toMatchObject({ code });
    await expect(files.write('/tmp/evil', 'overwritten')).rejects.toMatchObject({ code });
    expect(readFileSync(secret, 'utf8')).toBe('of the host');
    await files.remove('/tmp/evil');
  });

  it('a link in a mount of the host’s leads nowhere but into the sandbox', async () => {
    symlinkSync(secret, join(shared, 'out'));
    symlinkSync('../secret', join(shared, 'up'));
    for (const name of ['out', 'up'])
      await expect(files.read(`/shared/${name}`)).rejects.toMatchObject({ code: 'ERR_FILE_NOT_FOUND' });
    await expect(files.write('/shared/out', 'evil')).rejects.toMatchObject({ code: 'ERR_FILE_NOT_FOUND' });
    await files.write('/shared/up', 'goes to /secret, inside');
    await sh('echo of the sandbox > /secret');
    expect(await files.read('/shared/up', { encoding: 'utf8' })).toBe('of the sandbox\n');
    await files.remove('/shared/out');
    expect(readFileSync(secret, 'utf8')).toBe('of the host');
    expect(readdirSync(shared)).not.toContain('out');
  });

  it('nothing is done with the rights of who has made the sandbox', async (context) => {
    if (process.geteuid?.() !== 0) context.skip('must be root');
    await using other = await Sandbox.create({
      user: { uid: 0, gid: 0, hostUid: 100_123, hostGid: 100_123 },
      rootfs: { directory: '/', writable: 'tmpfs' },
    });
    await other.exec(['ln', '-s', '/etc/shadow', '/tmp/result']);
    await expect(other.files.read('/tmp/result')).rejects.toMatchObject({ code: 'ERR_FILE_ACCESS' });
    await expect(other.files.read('/etc/shadow')).rejects.toMatchObject({ code: 'ERR_FILE_ACCESS' });
    await other.files.write('/tmp/mine', 'x');
    expect((await other.exec(['stat', '-c', '%u', '/tmp/mine'])).stdout).toBe('0\n');
  });

  /** Exchanges what is at two names as fast as it can, until it is ended. */
  const exchange = (a: string, b: string): string =>
    `import ctypes, os\nc = ctypes.CDLL(None)\nprint("ready", flush=True)\nwhile True: c.renameat2(-100, b${JSON.stringify(a)}, -100, b${JSON.stringify(b)}, 2)`;

  it('links that change all the time: what is read and written is inside', async () => {
    await sh(
      'mkdir -p /tmp/race/real /tmp/race/inner; echo inside > /tmp/race/real/file; ln -s / /tmp/race/link',
    );
    // What the link to / would lead to on the host, at the same path.
    const target = folder.replace(/^\//, '');
    await sh(`mkdir -p /tmp/race/real/${folder} ; echo decoy > /tmp/race/real/${secret}`);
    await using guest = await box.spawn([
      '/usr/bin/python3',
      '-c',
      exchange('/tmp/race/real', '/tmp/race/link'),
    ]);
    for await (const _ of guest.stdout) break;
    const outcomes = new Set<string>();
    for (let round = 0; round < 400; round++) {
      const path = `/tmp/race/real/${target}/secret`;
      const content = await files
        .read(path, { encoding: 'utf8' })
        .catch((error: { code: string }) => error.code);
      outcomes.add(content.trim());
      await files.write(path, 'decoy').catch(() => {});
      await files.write(`/tmp/race/link/${target}/new`, 'evil').catch(() => {});
      await files.remove(`/tmp/race/link/${target}/shared`, { recursive: true }).catch(() => {});
      await files.mkdir(`/tmp/race/real/${target}/made/by`, { recursive: true }).catch(() => {});
    }
    await guest.end();
    expect(outcomes).not.toContain('of the host');
    expect(outcomes).toContain('decoy');
    expect(readFileSync(secret, 'utf8')).toBe('of the host');
    expect(readdirSync(folder).sort()).toEqual(['secret', 'shared']);
    await files.remove('/tmp/race', { recursive: true });
  });

  it('folders that change into links while they are removed', async () => {
    await files.write('/tmp/kept', 'kept');
    await sh('mkdir -p /tmp/keep; touch /tmp/keep/a /tmp/keep/b');
    for (let round = 0; round < 15; round++) {
      await sh(
        'mkdir -p /tmp/gone/d/e /tmp/gone/f; touch /tmp/gone/d/e/1 /tmp/gone/f/2; ln -s /tmp/keep /tmp/gone/link; seq 1 300 | while read i; do : > /tmp/gone/d/$i; done',
      );
      await using guest = await box.spawn([
        '/usr/bin/python3',
        '-c',
        exchange('/tmp/gone/d', '/tmp/gone/link'),
      ]);
      for await (const _ of guest.stdout) break;
      await files.remove('/tmp/gone', { recursive: true }).catch(() => {});
      await guest.end();
      await files.remove('/tmp/gone', { recursive: true, force: true });
    }
    expect((await files.list('/tmp/keep')).map(({ name }) => name).sort()).toEqual(['a', 'b']);
    expect(statSync(shared).isDirectory()).toBe(true);
  });

  it('a file that grows as it is read ends at the limit', async () => {
    await using guest = await box.spawn([
      'sh',
      '-c',
      'echo > /tmp/grows; echo ready; while :; do echo more >> /tmp/grows; done',
    ]);
    for await (const _ of guest.stdout) break;
    await expect(
      (async () => {
        for (;;) await files.read('/tmp/grows', { maxBytes: 20_000 });
      })(),
    ).rejects.toMatchObject({ code: 'ERR_FILE_TOO_LARGE' });
  });

  it('a flood of changes does not keep the others waiting, and is told of', async () => {
    await sh('mkdir -p /tmp/flood');
    const controller = new AbortController();
    let count = 0;
    const watching = (async () => {
      for await (const _ of files.watch('/tmp/flood', { signal: controller.signal })) count++;
    })();
    await using guest = await box.spawn([
      '/usr/bin/python3',
      '-c',
      'import os\nprint("ready", flush=True)\ni = 0\nwhile True:\n  i += 1\n  os.close(os.open(f"/tmp/flood/{i % 50}", os.O_CREAT | os.O_WRONLY)); os.unlink(f"/tmp/flood/{i % 50}")',
    ]);
    for await (const _ of guest.stdout) break;
    const started = performance.now();
    for (let i = 0; i < 50; i++) await files.stat('/etc/passwd');
    expect(performance.now() - started).toBeLessThan(5000);
    await sleep(300);
    controller.abort();
    await expect(watching).rejects.toMatchObject({ code: 'ERR_ABORTED' });
    expect(count).toBeGreaterThan(10);
  });
});

describe('its life', () => {
  it('ends with the sandbox, with all that is under way, and leaves nothing', async () => {
    const before = children().length;
    const descriptors = readdirSync('/proc/self/fd').length;
    const own = await Sandbox.create();
    await own.files.write('/tmp/x', 'y'.repeat(1_000_000));
    const stream = own.files.createReadStream('/tmp/x');
    const reading = text(stream);
    const watching = own.files.watch('/tmp').next();
    const calls = Array.from({ length: 50 }, () => own.files.read('/tmp/x'));
    const settled = Promise.allSettled([reading, watching, ...calls]);
    await own.close();
    for (const outcome of await settled)
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'ERR_SANDBOX_CLOSED' });
    await expect(watching).rejects.toMatchObject({ code: 'ERR_SANDBOX_CLOSED' });
    await expect(own.files.read('/tmp/x')).rejects.toMatchObject({ code: 'ERR_SANDBOX_CLOSED' });
    await sleep(100);
    expect(children().length).toBe(before);
    expect(readdirSync('/proc/self/fd').length).toBeLessThanOrEqual(descriptors);
  });

  it('goes on when the process for it was killed', async () => {
    await using own = await Sandbox.create();
    const before = children();
    await own.files.write('/tmp/x', 'kept');
    const [helper] = children().filter((pid) => !before.includes(pid));
    const watching = own.files.watch('/tmp').next();
    await own.files.exists('/tmp');
    process.kill(helper as number, 'SIGKILL');
    await expect(watching).rejects.toMatchObject({ code: 'ERR_SYSTEM' });
    expect(await own.files.read('/tmp/x', { encoding: 'utf8' })).toBe('kept');
  });

  it('is not there without isolation', async () => {
    await using own = await Sandbox.create({ isolation: 'none' });
    expect(() => own.files).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_OPTION', path: 'options.isolation' }),
    );
  });
});
