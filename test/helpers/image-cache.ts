/** What the tests of images share: folders that go with the test file, and images in a cache. */
import { existsSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { holdImage, type ImageOptions } from '../../lib/image/load.js';
import { removeTree } from '../../lib/image/remove-tree.js';
import { type ImageInfo, loadImage } from '../../lib/index.js';
import { type ImageSpec, listTree, tar } from './images.js';

// In memory where there is such a place: an image is on the disk before it is taken for complete, which takes its time.
export const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'barchan-image-'));
afterAll(() => removeTree(folder));
let number = 0;
export const place = (): string => join(folder, String(number++));
export const newCache = (): string => join(place(), 'cache');

export const simple = (content = 'x'): ImageSpec => ({
  layers: [tar([{ name: 'file', content }])],
  names: ['one'],
});

/** What is in the cache, the locks left out. */
export function cached(cache: string): string[] {
  return ['keep', 'caller'].flatMap((owners) => {
    const path = join(cache, 'images-1', owners);
    return existsSync(path) ? readdirSync(path) : [];
  });
}

export async function load(
  options: ImageOptions,
): Promise<{ info: ImageInfo; read: (name: string) => string; tree: string[] }> {
  const info = await loadImage(options);
  const held = await holdImage({ ...options, path: info.id, reference: undefined });
  const tree = listTree(held.rootfs);
  held.release();
  return { info, tree, read: (name) => readFileSync(join(held.rootfs, name), 'utf8') };
}
