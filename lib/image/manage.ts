/** Images of the cache: loading them ahead of use, listing and removing them. */
import { SandboxError } from '../errors.js';
import { validateOptions } from '../options.js';
import { Cache, type ImageRecord } from './cache.js';
import type { ImageConfig } from './config.js';
import { notFound } from './errors.js';
import { defaultOwners, holdImage, type ImageOptions, type LoadOptions } from './load.js';
import type { Owners } from './unpack.js';

/** An image of the cache. */
export interface ImageInfo {
  /** "sha256:..." of its configuration, as docker has it. */
  id: string;
  /** The names that it was loaded under first. */
  references: string[];
  loadedAt: Date;
  /** Bytes of the files of its layers. */
  bytes: number;
  entries: number;
  /** Devices and FIFOs that were left out. */
  skipped: number;
  config: ImageConfig;
}

export interface CacheOptions {
  /** See ImageOptions. */
  cache?: string | undefined;
  /** See ImageOptions. */
  owners?: Owners | undefined;
}

export interface PruneOptions extends CacheOptions {
  /** Only images that nobody has used for so many milliseconds; default 0. */
  unusedForMs?: number | undefined;
}

const describe = ({ id, references, loadedAt, bytes, entries, skipped, config }: ImageRecord): ImageInfo => ({
  id,
  references,
  loadedAt: new Date(loadedAt),
  bytes,
  entries,
  skipped,
  config,
});

const open = ({ cache, owners }: CacheOptions): Cache => new Cache(cache, owners ?? defaultOwners());

/**
 * Unpacks an image into the cache unless it is there. Rejects with ERR_INVALID_OPTION, ERR_IMAGE_NOT_FOUND,
 * ERR_IMAGE_INVALID, ERR_IMAGE_UNSUPPORTED, ERR_IMAGE_TOO_LARGE, ERR_IMAGE_CACHE, ERR_ABORTED.
 */
export async function loadImage(image: string | (ImageOptions & LoadOptions)): Promise<ImageInfo> {
  const { signal, ...options } = typeof image === 'string' ? { path: image } : image;
  validateOptions('loadImage', { ...options, signal });
  const held = await holdImage(options, { signal });
  held.release();
  return describe(held.record);
}

/** The images of the cache, the last used first. Rejects with ERR_INVALID_OPTION, ERR_IMAGE_CACHE. */
export async function listImages(options: CacheOptions = {}): Promise<ImageInfo[]> {
  validateOptions('listImages', options);
  return open(options)
    .list()
    .map(({ record }) => describe(record));
}

/**
 * Removes an image, by its id or the beginning of one. Rejects with ERR_INVALID_OPTION, ERR_IMAGE_NOT_FOUND, ERR_IMAGE_CACHE: a
 * sandbox may be using it.
 */
export async function removeImage(id: string, options: CacheOptions = {}): Promise<void> {
  validateOptions('removeImage', options);
  const [, hex] = /^(?:sha256:)?([0-9a-f]{4,64})$/.exec(id) ?? [];
  if (hex === undefined) {
    throw new SandboxError('ERR_INVALID_OPTION', `removeImage: id cannot be ${JSON.stringify(id)}`, {
      path: 'id',
      value: id,
      remedy: 'Give "sha256:..." or at least the first four digits behind it.',
    });
  }
  const cache = open(options);
  const found = cache.list().filter((image) => image.hex.startsWith(hex));
  const [one] = found;
  if (!one) throw notFound(`no image ${JSON.stringify(id)} has been loaded`, 'See: barchan image list.');
  if (found.length > 1)
    throw notFound(`${found.length} images begin with ${JSON.stringify(id)}`, 'Give more digits.');
  if (!cache.remove(one.hex)) {
    throw new SandboxError('ERR_IMAGE_CACHE', `Cannot remove the image ${one.record.id}: it is in use`, {
      errno: 16,
      remedy: 'Close the sandboxes that show it.',
    });
  }
}

/**
 * Removes images that are not in use, and what processes that were killed have left in the cache. Returns what was
 * removed. Rejects with ERR_INVALID_OPTION, ERR_IMAGE_CACHE.
 */
export async function pruneImages(options: PruneOptions = {}): Promise<ImageInfo[]> {
  validateOptions('pruneImages', options);
  const cache = open(options);
  const latest = Date.now() - (options.unusedForMs ?? 0);
  const removed = cache
    .list()
    .filter(({ hex, usedAt }) => usedAt.getTime() <= latest && cache.remove(hex))
    .map(({ record }) => describe(record));
  cache.clearLeftovers();
  return removed;
}
