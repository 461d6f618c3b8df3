/** Images from layouts and archives into the cache: which one is meant, what is refused, and processes that meet there. */
import { spawn } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import * as zlib from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { holdImage, type ImageOptions } from '../../../lib/image/load.js';
import { removeTree } from '../../../lib/image/remove-tree.js';
import { type ImageInfo, listImages, loadImage, pruneImages, removeImage } from '../../../lib/index.js';
import {
  dockerSave,
  endOfTar,
  type ImageSpec,
  imageParts,
  listTree,
  sha256,
  tar,
  type WrittenImage,
  writeLayout,
} from '../../helpers/images.js';

// In memory where there is such a place: an image is on the disk before it is taken for complete, which takes its time.
const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'barchan-image-'));
afterAll(() => removeTree(folder));
let number = 0;
const place = (): string => join(folder, String(number++));
const newCache = (): string => join(place(), 'cache');

const simple = (content = 'x'): ImageSpec => ({ layers: [tar([{ name: 'file', content }])], names: ['one'] });

/** What is in the cache, the locks left out. */
function cached(cache: string): string[] {
  return ['keep', 'caller'].flatMap((owners) => {
    const path = join(cache, 'images-1', owners);
    return existsSync(path) ? readdirSync(path) : [];
  });
}

async function load(
  options: ImageOptions,
): Promise<{ info: ImageInfo; read: (name: string) => string; tree: string[] }> {
  const info = await loadImage(options);
  const held = await holdImage({ ...options, path: info.id, reference: undefined });
  const tree = listTree(held.rootfs);
  held.release();
  return { info, tree, read: (name) => readFileSync(join(held.rootfs, name), 'utf8') };
}

describe('images that are right', () => {
  const spec: ImageSpec = {
    layers: [
      tar([{ name: 'a', content: 'old' }, { name: 'b' }]),
      tar([{ name: 'a', content: 'new' }, { name: '.wh.b' }]),
    ],
    config: {
      Env: ['A=b'],
      WorkingDir: '/w/d',
      User: 'u',
      Entrypoint: ['e'],
      Cmd: ['c', 'd'],
      Labels: { l: 'v' },
    },
    names: ['demo:1'],
  };
  const expected = [
    'a f 644',
    'etc d 755',
    'etc/hostname f 644',
    'etc/hosts f 644',
    'etc/resolv.conf f 644',
    'w d 755',
    'w/d d 755',
  ];
  const config = {
    env: ['A=b'],
    workingDir: '/w/d',
    user: 'u',
    entrypoint: ['e'],
    cmd: ['c', 'd'],
    labels: { l: 'v' },
  };
  const asFile = (bytes: Buffer): string => {
    const path = place();
    writeFileSync(path, bytes);
    return path;
  };
  const layoutTar = (): Buffer => {
    const { path } = writeLayout(place(), spec);
    const entries = [
      'index.json',
      'oci-layout',
      ...readdirSync(join(path, 'blobs/sha256')).map((hex) => `blobs/sha256/${hex}`),
    ];
    return tar(entries.map((name) => ({ name: `./${name}`, content: readFileSync(join(path, name)) })));
  };

  it.each<[string, () => string]>([
    ['an OCI layout', () => writeLayout(place(), spec).path],
    ['an OCI layout without compression', () => writeLayout(place(), { ...spec, compress: 'none' }).path],
    ['an archive of one', () => asFile(layoutTar())],
    ['a compressed archive of one', () => asFile(zlib.gzipSync(layoutTar()))],
    ['docker save', () => asFile(dockerSave(spec))],
    ['docker save, compressed', () => asFile(zlib.gzipSync(dockerSave(spec)))],
    [
      'a link to an archive',
      () => {
        const path = place();
        symlinkSync(asFile(dockerSave(spec)), path);
        return path;
      },
    ],
  ])('%s', async (_, write) => {
    const cache = newCache();
    const { info, tree, read } = await load({ path: write(), cache });
    expect(tree).toEqual(expected);
    expect(read('a')).toBe('new');
    expect(read('etc/hosts')).toContain('127.0.0.1\tlocalhost\n');
    expect(info).toMatchObject({ references: ['demo:1'], config, bytes: 6, entries: 4, skipped: 0 });
    expect(cached(cache)).toEqual([info.id.slice(7)]);
  });

  it('docker’s newer archives, which are both', async () => {
    const parts = imageParts(spec);
    const blob = (digest: string): string => `blobs/${digest.replace(':', '/')}`;
    const manifest = [{ Config: blob(parts.config), RepoTags: ['demo:1'], Layers: parts.layers.map(blob) }];
    const entries = [...parts.blobs].map(([digest, content]) => ({ name: blob(digest), content }));
    const path = asFile(
      tar([
        ...entries,
        { name: 'index.json', content: '{}' },
        { name: 'manifest.json', content: JSON.stringify(manifest) },
      ]),
    );
    expect((await load({ path, cache: newCache() })).tree).toEqual(expected);
  });

  it('layers that are links to one another, as in docker’s older archives', async () => {
    const parts = imageParts({ ...simple(), compress: 'none' });
    const [layer = ''] = parts.layers;
    const path = asFile(
      tar([
        { name: 'one/layer.tar', content: parts.blobs.get(layer) as Buffer },
        { name: 'two/layer.tar', type: '2', link: '../one/layer.tar' },
        { name: `${parts.config.slice(7)}.json`, content: parts.blobs.get(parts.config) as Buffer },
        {
          name: 'manifest.json',
          content: JSON.stringify([
            { Config: `${parts.config.slice(7)}.json`, RepoTags: null, Layers: ['two/layer.tar'] },
          ]),
        },
      ]),
    );
    expect((await load({ path, cache: newCache() })).read('file')).toBe('x');
  });

  it('keeps what is in /etc, and a working directory through links', async () => {
    const layers = [
      tar([
        { name: 'etc/hosts', content: 'mine' },
        { name: 'etc/resolv.conf', type: '2', link: '/nowhere' },
        { name: 'l', type: '2', link: '/real' },
      ]),
    ];
    const { read, tree } = await load({
      path: writeLayout(place(), { layers, config: { WorkingDir: '/l/x' } }).path,
      cache: newCache(),
    });
    expect(read('etc/hosts')).toBe('mine');
    expect(tree).toEqual(expect.arrayContaining(['etc/resolv.conf l 777 /nowhere', 'real/x d 755']));
  });

  it('is not unpacked twice, and found by its id', async () => {
    const cache = newCache();
    const { path } = writeLayout(place(), simple());
    const { info } = await load({ path, cache });
    const kept = join(
      cache,
      'images-1',
      process.geteuid?.() === 0 ? 'keep' : 'caller',
      info.id.slice(7),
      'rootfs',
    );
    const { ino } = statSync(kept);
    expect((await loadImage({ path, cache })).id).toBe(info.id);
    expect(statSync(kept).ino).toBe(ino);
    await expect(loadImage({ path: `sha256:${'0'.repeat(64)}`, cache })).rejects.toMatchObject({
      code: 'ERR_IMAGE_NOT_FOUND',
    });
  });
});

describe('which image', () => {
  const cache = newCache();
  const several = writeLayout(
    place(),
    { ...simple('a'), names: ['app:1', 'docker.io/library/app:latest'] },
    { ...simple('b'), names: ['app:2'] },
  );
  const saved = place();
  writeFileSync(
    saved,
    dockerSave({ ...simple('a'), names: ['app:1', 'app:latest'] }, { ...simple('b'), names: ['app:2'] }),
  );

  it.each(
    ['app:1', 'app:2', 'app', 'docker.io/library/app', 'library/app:latest'].flatMap((name) => [
      [several.path, name],
      [saved, name],
    ]),
  )('%s: %s', async (path, reference) => {
    const { read } = await load({ path, reference, cache });
    expect(read('file')).toBe(reference.endsWith('2') ? 'b' : 'a');
  });

  it.each([several.path, saved])('must be told apart: %s', async (path) => {
    await expect(loadImage({ path, cache })).rejects.toMatchObject({
      code: 'ERR_IMAGE_NOT_FOUND',
      remedy: expect.stringContaining('app:2'),
    });
    await expect(loadImage({ path, reference: 'other', cache })).rejects.toMatchObject({
      code: 'ERR_IMAGE_NOT_FOUND',
      remedy: expect.stringContaining('app:1'),
    });
    await expect(loadImage({ path, reference: 'app:3', cache })).rejects.toMatchObject({
      code: 'ERR_IMAGE_NOT_FOUND',
    });
  });

  it('by a digest', async () => {
    expect((await load({ path: several.path, reference: several.manifest, cache })).read('file')).toBe('a');
    expect(
      (
        await load({
          path: saved,
          reference: (await loadImage({ path: saved, reference: 'app:2', cache })).id,
          cache,
        })
      ).read('file'),
    ).toBe('b');
  });

  const platforms = (order: [string, string, string?][], nest = 0): WrittenImage => {
    const specs = order.map(([os, architecture, variant]) => ({
      ...simple(`${os}/${architecture}${variant ?? ''}`),
      architecture,
    }));
    const layout = writeLayout(place(), ...specs);
    const index = JSON.parse(readFileSync(join(layout.path, 'index.json'), 'utf8')) as {
      manifests: Record<string, unknown>[];
    };
    for (const [i, [os, architecture, variant]] of order.entries()) {
      const entry = index.manifests[i] as Record<string, unknown>;
      entry.platform = { os, architecture, ...(variant ? { variant } : {}) };
      delete entry.annotations;
    }
    let text = JSON.stringify(index);
    for (let level = 0; level < nest; level++) {
      const digest = sha256(Buffer.from(text));
      writeFileSync(layout.blob(digest), text);
      text = JSON.stringify({
        schemaVersion: 2,
        manifests: [
          { mediaType: 'application/vnd.oci.image.index.v1+json', digest, size: Buffer.byteLength(text) },
        ],
      });
    }
    writeFileSync(join(layout.path, 'index.json'), text);
    return layout;
  };

  it.each<[string, [string, string, string?][], number, string]>([
    [
      'amd64 among others',
      [
        ['linux', 'arm64'],
        ['windows', 'amd64'],
        ['linux', 'amd64'],
        ['unknown', 'unknown'],
      ],
      1,
      'linux/amd64',
    ],
    [
      'amd64 among others at the top',
      [
        ['linux', 'arm64'],
        ['linux', 'amd64'],
      ],
      0,
      'linux/amd64',
    ],
    [
      'the plain one before its variants',
      [
        ['linux', 'amd64', 'v3'],
        ['linux', 'amd64'],
        ['linux', 'amd64', 'v2'],
      ],
      2,
      'linux/amd64',
    ],
    [
      'a variant when there is no other',
      [
        ['linux', 'amd64', 'v2'],
        ['linux', 'arm64'],
      ],
      1,
      'linux/amd64v2',
    ],
  ])('%s', async (_, order, nest, expected) => {
    expect((await load({ path: platforms(order, nest).path, cache })).read('file')).toBe(expected);
  });

  it.each<[string, () => string, string]>([
    ['other machines', () => platforms([['linux', 'arm64']], 1).path, 'ERR_IMAGE_NOT_FOUND'],
    [
      'other machines, without an index',
      () => writeLayout(place(), { ...simple(), architecture: 'arm64' }).path,
      'ERR_IMAGE_UNSUPPORTED',
    ],
    ['endless indexes', () => platforms([['linux', 'amd64']], 6).path, 'ERR_IMAGE_INVALID'],
  ])('not %s', async (_, write, code) => {
    await expect(loadImage({ path: write(), cache })).rejects.toMatchObject({ code });
  });
});

describe('images that are wrong', () => {
  const flip = (path: string, at = -20): void => {
    const bytes = readFileSync(path);
    const index = at < 0 ? bytes.length + at : at;
    bytes[index] = (bytes[index] as number) ^ 0x55;
    writeFileSync(path, bytes);
  };
  const edit = (path: string, change: (text: string) => string): void =>
    writeFileSync(path, change(readFileSync(path, 'utf8')));
  /** A layout whose manifest is changed, with digests that are right for it. */
  const withManifest = (
    change: (manifest: { layers: object[] }) => void,
    spec: ImageSpec = simple(),
  ): string => {
    const layout = writeLayout(place(), spec);
    const manifest = JSON.parse(readFileSync(layout.blob(layout.manifest), 'utf8')) as { layers: object[] };
    change(manifest);
    const text = JSON.stringify(manifest);
    const digest = sha256(Buffer.from(text));
    writeFileSync(layout.blob(digest), text);
    edit(join(layout.path, 'index.json'), (index) =>
      index.replace(layout.manifest, digest).replace(/"size":\d+/, `"size":${Buffer.byteLength(text)}`),
    );
    return layout.path;
  };
  const changed = (change: (layout: WrittenImage) => void, spec: ImageSpec = simple()): string => {
    const layout = writeLayout(place(), spec);
    change(layout);
    return layout.path;
  };
  const archive = (bytes: Buffer): string => {
    const path = place();
    writeFileSync(path, bytes);
    return path;
  };
  const first = (layout: WrittenImage): string => layout.blob(layout.layers[0] as string);
  const layerOf = (spec: ImageSpec): ImageSpec => ({ ...spec, compress: 'none' });
  const bomb = (): ImageSpec => ({ layers: [tar([{ name: 'zeros', content: Buffer.alloc(66 << 20) }])] });

  it.each<[string, () => string, string, Partial<ImageOptions>?]>([
    ['no such path', () => place(), 'ERR_IMAGE_NOT_FOUND'],
    [
      'an empty folder',
      () => mkdirSync(join(folder, 'empty/x'), { recursive: true }) ?? '',
      'ERR_IMAGE_NOT_FOUND',
    ],
    ['an empty file', () => archive(Buffer.alloc(0)), 'ERR_IMAGE_NOT_FOUND'],
    ['a device', () => '/dev/zero', 'ERR_IMAGE_UNSUPPORTED'],
    ['text', () => archive(Buffer.from('hello '.repeat(1000))), 'ERR_IMAGE_INVALID'],
    ['an archive of something else', () => archive(tar([{ name: 'a' }])), 'ERR_IMAGE_NOT_FOUND'],
    [
      'half an archive',
      () => archive(dockerSave(simple('y'.repeat(5000))).subarray(0, 4000)),
      'ERR_IMAGE_INVALID',
    ],
    [
      'half a compressed archive',
      () => archive(zlib.gzipSync(dockerSave(simple())).subarray(0, 300)),
      'ERR_IMAGE_INVALID',
    ],
    [
      'index.json that is none',
      () => changed(({ path }) => writeFileSync(join(path, 'index.json'), '{')),
      'ERR_IMAGE_INVALID',
    ],
    [
      'index.json that is a list',
      () => changed(({ path }) => writeFileSync(join(path, 'index.json'), '[]')),
      'ERR_IMAGE_INVALID',
    ],
    [
      'index.json of gigabytes',
      () => changed(({ path }) => writeFileSync(join(path, 'index.json'), ' '.repeat(5 << 20))),
      'ERR_IMAGE_INVALID',
    ],
    [
      'index.json that is a link',
      () =>
        changed(({ path }) => {
          renameSync(join(path, 'index.json'), join(path, 'i'));
          symlinkSync('i', join(path, 'index.json'));
        }),
      'ERR_IMAGE_INVALID',
    ],
    [
      'a changed manifest',
      () => changed((layout) => flip(layout.blob(layout.manifest))),
      'ERR_IMAGE_INVALID',
    ],
    [
      'a changed configuration',
      () => changed((layout) => flip(layout.blob(layout.config))),
      'ERR_IMAGE_INVALID',
    ],
    ['a changed layer', () => changed((layout) => flip(first(layout))), 'ERR_IMAGE_INVALID'],
    [
      'a changed layer that was not compressed',
      () => changed((layout) => flip(first(layout), 520), layerOf(simple('abcdefghi'))),
      'ERR_IMAGE_INVALID',
    ],
    [
      'bytes added behind the end mark',
      () => changed((layout) => writeFileSync(first(layout), 'x', { flag: 'a' }), layerOf(simple())),
      'ERR_IMAGE_INVALID',
    ],
    [
      'a truncated layer',
      () => changed((layout) => writeFileSync(first(layout), readFileSync(first(layout)).subarray(0, 60))),
      'ERR_IMAGE_INVALID',
    ],
    ['a missing layer', () => changed((layout) => renameSync(first(layout), place())), 'ERR_IMAGE_INVALID'],
    [
      'a layer of zeros',
      () => changed((layout) => writeFileSync(first(layout), Buffer.alloc(statSync(first(layout)).size))),
      'ERR_IMAGE_INVALID',
    ],
    [
      'a digest that is a path',
      () =>
        changed(({ path }) =>
          edit(join(path, 'index.json'), (text) =>
            text.replace(/sha256:[0-9a-f]+/, 'sha256:../../../../etc/passwd'),
          ),
        ),
      'ERR_IMAGE_INVALID',
    ],
    [
      'a digest of another kind',
      () => changed(({ path }) => edit(join(path, 'index.json'), (text) => text.replace(/sha256:/, 'md5:'))),
      'ERR_IMAGE_INVALID',
    ],
    [
      'a size that is a lie',
      () =>
        changed(({ path }) =>
          edit(join(path, 'index.json'), (text) => text.replace(/"size":\d+/, '"size":1')),
        ),
      'ERR_IMAGE_INVALID',
    ],
    [
      'a layer to be fetched from elsewhere',
      () =>
        withManifest((manifest) =>
          Object.assign(manifest.layers[0] ?? {}, { urls: ['https://example.org'] }),
        ),
      'ERR_IMAGE_UNSUPPORTED',
    ],
    [
      'a layer of an unknown type',
      () =>
        withManifest((manifest) =>
          Object.assign(manifest.layers[0] ?? {}, { mediaType: 'application/x-squashfs' }),
        ),
      'ERR_IMAGE_UNSUPPORTED',
    ],
    [
      'a manifest of an unknown type',
      () =>
        withManifest((manifest) =>
          Object.assign(manifest, { mediaType: 'application/vnd.docker.distribution.manifest.v1+json' }),
        ),
      'ERR_IMAGE_UNSUPPORTED',
    ],
    [
      'more layers than the configuration has',
      () =>
        withManifest((manifest) =>
          Object.assign(manifest, {
            layers: [...manifest.layers, ...manifest.layers],
          }),
        ),
      'ERR_IMAGE_INVALID',
    ],
    [
      'layers in another order',
      () =>
        withManifest((manifest) => manifest.layers.reverse(), {
          layers: [tar([{ name: 'a' }]), tar([{ name: 'b' }])],
        }),
      'ERR_IMAGE_INVALID',
    ],
    [
      'layers that are no list',
      () => withManifest((manifest) => Object.assign(manifest, { layers: 5 })),
      'ERR_IMAGE_INVALID',
    ],
    [
      'a user that is no string',
      () => writeLayout(place(), { ...simple(), config: { User: 5 } }).path,
      'ERR_IMAGE_INVALID',
    ],
    [
      'a variable with a NUL byte',
      () => writeLayout(place(), { ...simple(), config: { Env: ['A=\0'] } }).path,
      'ERR_IMAGE_INVALID',
    ],
    [
      'bzip2',
      () => writeLayout(place(), { layers: [Buffer.from('BZh91AY&SY')], compress: 'none' }).path,
      'ERR_IMAGE_UNSUPPORTED',
    ],
    [
      'docker save with another configuration',
      () =>
        archive(
          dockerSave(simple()).map((byte, at, all) =>
            at > 512 && at < 1000 && byte === 0x6c && all[at + 1] === 0x69 ? 0x4c : byte,
          ) as Buffer,
        ),
      'ERR_IMAGE_INVALID',
    ],
    [
      'docker save without a layer',
      () =>
        archive(
          tar([
            { name: 'c.json', content: '{"rootfs":{"diff_ids":[]}}' },
            { name: 'manifest.json', content: '[{"Config":"c.json","Layers":["x/layer.tar"]}]' },
          ]),
        ),
      'ERR_IMAGE_INVALID',
    ],
    [
      'docker save with a layer out of the archive',
      () =>
        archive(
          tar([
            { name: 'c.json', content: '{"rootfs":{"diff_ids":[]}}' },
            { name: 'x/layer.tar', type: '2', link: '../../../../etc/passwd' },
            { name: 'manifest.json', content: '[{"Config":"c.json","Layers":["x/layer.tar"]}]' },
          ]),
        ),
      'ERR_IMAGE_INVALID',
    ],
    [
      'layers that link to one another',
      () =>
        archive(
          tar([
            { name: 'c.json', content: '{"rootfs":{"diff_ids":[]}}' },
            { name: 'a', type: '2', link: 'b' },
            { name: 'b', type: '2', link: 'a' },
            { name: 'manifest.json', content: '[{"Config":"c.json","Layers":["a"]}]' },
          ]),
        ),
      'ERR_IMAGE_INVALID',
    ],
    [
      'too many layers',
      () => writeLayout(place(), { layers: Array.from({ length: 4 }, () => endOfTar) }).path,
      'ERR_IMAGE_TOO_LARGE',
      { limits: { layers: 3 } },
    ],
    ['a bomb', () => writeLayout(place(), bomb()).path, 'ERR_IMAGE_TOO_LARGE'],
    [
      'a bomb within the ratio that was allowed',
      () => writeLayout(place(), bomb()).path,
      'ERR_IMAGE_TOO_LARGE',
      { limits: { ratio: 100_000, bytes: 65 << 20 } },
    ],
    [
      'a bomb behind the end mark',
      () => writeLayout(place(), { layers: [Buffer.concat([endOfTar, Buffer.alloc(66 << 20)])] }).path,
      'ERR_IMAGE_TOO_LARGE',
    ],
    [
      'a bomb for an archive',
      () => archive(zlib.gzipSync(Buffer.concat([dockerSave(simple()), Buffer.alloc(66 << 20)]))),
      'ERR_IMAGE_TOO_LARGE',
    ],
    [
      'a hostile layer',
      () => writeLayout(place(), { layers: [tar([{ name: '../x' }])] }).path,
      'ERR_IMAGE_INVALID',
    ],
  ])('%s', async (_, write, code, options) => {
    const cache = newCache();
    const error = await loadImage({ path: write(), cache, ...options }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code, remedy: expect.any(String) });
    expect(cached(cache)).toEqual([]);
  });

  it('zstd, with or without Node.js knowing it', async () => {
    const plain = tar([{ name: 'file', content: 'zstd' }]);
    const compress = (zlib as { zstdCompressSync?: (bytes: Buffer) => Buffer }).zstdCompressSync;
    // Without one to make it, its first bytes are enough to be refused.
    const stored = compress?.(plain) ?? Buffer.from('28b52ffd00', 'hex');
    const layout = writeLayout(place(), { layers: [plain] });
    writeFileSync(layout.blob(sha256(stored)), stored);
    const manifest = readFileSync(layout.blob(layout.manifest), 'utf8').replace(
      /("layers":\[\{)[^}]*/,
      `$1"mediaType":"application/vnd.oci.image.layer.v1.tar+zstd","digest":"${sha256(stored)}","size":${stored.length}`,
    );
    const digest = sha256(Buffer.from(manifest));
    writeFileSync(layout.blob(digest), manifest);
    edit(join(layout.path, 'index.json'), (text) =>
      text.replace(layout.manifest, digest).replace(/"size":\d+/, `"size":${manifest.length}`),
    );
    if (compress) expect((await load({ path: layout.path, cache: newCache() })).read('file')).toBe('zstd');
    else
      await expect(loadImage({ path: layout.path, cache: newCache() })).rejects.toMatchObject({
        code: 'ERR_IMAGE_UNSUPPORTED',
        remedy: expect.stringContaining('22.15'),
      });
  });
});

describe('the cache', () => {
  const library = fileURLToPath(new URL('../../../dist/index.js', import.meta.url));
  const big = (): ImageSpec => ({
    layers: [
      tar(Array.from({ length: 3000 }, (_, i) => ({ name: `d${i % 50}/f${i}`, content: `${i}`.repeat(50) }))),
    ],
  });
  const loadElsewhere = (path: string, cache: string): ReturnType<typeof spawn> =>
    spawn(
      process.execPath,
      [
        '--input-type=module',
        '-e',
        `import { loadImage } from ${JSON.stringify(library)}; console.log((await loadImage(${JSON.stringify({ path, cache })})).id);`,
      ],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );

  it('is filled once by processes that come at the same time', async () => {
    const cache = newCache();
    const { path, config } = writeLayout(place(), big());
    const outcomes = await Promise.all(
      Array.from({ length: 4 }, async () => {
        const child = loadElsewhere(path, cache);
        let text = '';
        child.stdout?.on('data', (chunk) => (text += chunk));
        const [status] = await new Promise<[number]>((resolve) =>
          child.on('close', (code) => resolve([code ?? -1])),
        );
        return `${status} ${text}`;
      }),
    );
    expect(outcomes).toEqual(Array.from({ length: 4 }, () => `0 ${config}\n`));
    expect(cached(cache)).toEqual([config.slice(7)]);
    expect((await load({ path, cache })).tree.filter((line) => / f /.test(line))).toHaveLength(3003);
  });

  it('is filled once by calls at the same time', async () => {
    const cache = newCache();
    const { path, config } = writeLayout(place(), big());
    const found = await Promise.all(Array.from({ length: 5 }, () => loadImage({ path, cache })));
    expect(new Set(found.map(({ id }) => id))).toEqual(new Set([config]));
    expect(cached(cache)).toEqual([config.slice(7)]);
  });

  it('takes nothing for complete that a killed process has left, and clears it away', async () => {
    const cache = newCache();
    const { path, config } = writeLayout(place(), big());
    let killedInside = 0;
    for (let round = 0; round < 12; round++) {
      const child = loadElsewhere(path, cache);
      const ended = new Promise((resolve) => child.on('close', resolve));
      for (let waited = 0; waited < 400 && !cached(cache).some((name) => name.startsWith('.')); waited++)
        await sleep(5);
      await sleep(round * 8);
      child.kill('SIGKILL');
      await ended;
      const left = cached(cache);
      if (left.some((name) => name.startsWith('.'))) killedInside++;
      if (left.includes(config.slice(7))) break; // it was faster
      expect(await listImages({ cache })).toEqual([]);
    }
    expect(killedInside).toBeGreaterThan(0);
    const { tree } = await load({ path, cache });
    expect(tree.filter((line) => / f /.test(line))).toHaveLength(3003);
    expect(cached(cache)).toEqual([config.slice(7)]);
  });

  it('is left as it was when loading is aborted', async () => {
    const cache = newCache();
    const { path } = writeLayout(place(), big());
    const controller = new AbortController();
    const loading = loadImage({ path, cache, signal: controller.signal });
    setTimeout(() => controller.abort(new Error('enough')), 20);
    await expect(loading).rejects.toMatchObject({ code: 'ERR_ABORTED', cause: { message: 'enough' } });
    expect(cached(cache)).toEqual([]);
    await expect(loadImage({ path, cache, signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'ERR_ABORTED',
    });
  });

  it('lists, removes and prunes, but nothing that is in use', async () => {
    const cache = newCache();
    const [one, two, three] = ['1', '2', '3'].map((content) => writeLayout(place(), simple(content)));
    const ids = [];
    for (const layout of [one, two, three])
      ids.push((await loadImage({ path: layout?.path as string, cache })).id);
    expect((await listImages({ cache })).map(({ id }) => id).sort()).toEqual([...ids].sort());
    const held = await holdImage({ path: ids[0] as string, cache });
    await expect(removeImage(ids[0] as string, { cache })).rejects.toMatchObject({
      code: 'ERR_IMAGE_CACHE',
      errno: 16,
    });
    await removeImage((ids[1] as string).slice(7, 20), { cache });
    expect(await pruneImages({ cache, unusedForMs: 60_000 })).toEqual([]);
    expect((await pruneImages({ cache })).map(({ id }) => id)).toEqual([ids[2]]);
    held.release();
    held.release();
    await removeImage(ids[0] as string, { cache });
    expect(cached(cache)).toEqual([]);
    await expect(removeImage(ids[0] as string, { cache })).rejects.toMatchObject({
      code: 'ERR_IMAGE_NOT_FOUND',
    });
    for (const id of ['', 'abc', '../x', 'sha256:zzzz'])
      await expect(removeImage(id, { cache })).rejects.toMatchObject({
        code: 'ERR_INVALID_OPTION',
        path: 'id',
      });
  });

  it('must be this user’s alone', async () => {
    const cache = newCache();
    const { path } = writeLayout(place(), simple());
    await loadImage({ path, cache });
    chmodSync(join(cache, 'images-1'), 0o777);
    await expect(loadImage({ path, cache })).rejects.toMatchObject({
      code: 'ERR_IMAGE_CACHE',
      path: join(cache, 'images-1'),
    });
    await expect(loadImage({ path, cache: '/proc/nowhere' })).rejects.toMatchObject({
      code: 'ERR_IMAGE_CACHE',
    });
  });

  it.each([
    [{ path: 5 }, 'options.path'],
    [{ path: '/x', limits: { bytes: 0 } }, 'options.limits.bytes'],
    [{ path: '/x', limits: { depth: 1e9 } }, 'options.limits.depth'],
    [{ path: '/x', owners: 'me' }, 'options.owners'],
    [{ path: '/x', cache: '' }, 'options.cache'],
    [{ path: '/x', nothing: 1 }, 'options.nothing'],
  ])('refuses %o', async (options, path) => {
    await expect(loadImage(options as unknown as ImageOptions)).rejects.toMatchObject({
      code: 'ERR_INVALID_OPTION',
      path,
    });
  });
});
