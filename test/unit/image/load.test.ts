/** Images from layouts and archives into the cache, and which of several is meant. */
import { readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as zlib from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { loadImage } from '../../../lib/index.js';
import { cached, load, newCache, place, simple } from '../../helpers/image-cache.js';
import {
  dockerSave,
  type ImageSpec,
  imageParts,
  sha256,
  tar,
  type WrittenImage,
  writeLayout,
} from '../../helpers/images.js';

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
