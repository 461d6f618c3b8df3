/** Images that are damaged, hostile or too large: what is refused, and that nothing of them is left. */
import { mkdirSync, readFileSync, renameSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as zlib from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { ImageOptions } from '../../../lib/image/load.js';
import { loadImage } from '../../../lib/index.js';
import { cached, folder, load, newCache, place, simple } from '../../helpers/image-cache.js';
import {
  dockerSave,
  endOfTar,
  type ImageSpec,
  sha256,
  tar,
  type WrittenImage,
  writeLayout,
} from '../../helpers/images.js';

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
