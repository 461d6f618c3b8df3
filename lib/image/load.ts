/** Makes an image ready for use: chooses it, has it unpacked once, and holds it as long as it is used. */
import { createHash } from 'node:crypto';
import {
  closeSync,
  constants,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { logger } from '../debug.js';
import { SandboxError } from '../errors.js';
import { native } from '../native.js';
import { StreamSource } from './byte-source.js';
import { Cache, type ImageRecord, type Lock, mustNotBeAborted } from './cache.js';
import { type ParsedConfig, parseConfig } from './config.js';
import { decompress } from './decompress.js';
import { hashFor, mustMatch, watched } from './digest.js';
import { cacheFailed, invalid, notFound, tooLarge } from './errors.js';
import { freeRatioBytes, type ImageLimits, type Limits, withDefaults } from './limits.js';
import { type Chosen, choose, type Layer } from './manifest.js';
import { openSource } from './source.js';
import { TarReader } from './tar.js';
import { split } from './tree.js';
import { type Owners, Unpacker } from './unpack.js';

const log = logger('image');

export interface ImageOptions {
  /** An OCI image layout (folder or archive), an archive of `docker save`, or the id ("sha256:...") of an image loaded before. */
  path: string;
  /** Which image of an archive with several: a name with or without tag, or a digest. */
  reference?: string | undefined;
  /** Where unpacked images are kept; default: barchan in XDG_CACHE_HOME or ~/.cache. */
  cache?: string | undefined;
  /**
   * 'keep': files belong to whom the image says, which only root can do, and is root's default; 'caller': to the user of
   * this process.
   */
  owners?: Owners | undefined;
  limits?: ImageLimits | undefined;
}

export interface LoadOptions {
  /** When it is aborted, loading rejects with ERR_ABORTED and nothing is left. */
  signal?: AbortSignal | undefined;
}

/** An unpacked image that cannot be removed until it is released. */
export interface HeldImage {
  record: ImageRecord;
  rootfs: string;
  owners: Owners;
  release(): void;
}

export const defaultOwners = (): Owners => (process.geteuid?.() === 0 ? 'keep' : 'caller');

const hosts = '127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n';
/** Where a sandbox's own mounts may go, and what docker makes where an image lacks it. */
const usualFiles: [string, string][] = [
  ['/etc/hosts', hosts],
  ['/etc/resolv.conf', ''],
  ['/etc/hostname', ''],
];

async function unpackLayer(
  layer: Layer,
  number: number,
  unpacker: Unpacker,
  parsed: ParsedConfig,
  limits: Limits,
  signal: AbortSignal | undefined,
): Promise<void> {
  const what = `layer ${number + 1}`;
  const diffId = parsed.diffIds[number];
  const hash = layer.digest && hashFor(layer.digest);
  const plainHash = diffId && hashFor(diffId);
  let bytes = 0;
  const compressed = watched(layer.blob.stream(), (chunk) => hash?.update(chunk));
  const plain = watched(decompress(compressed), (chunk) => {
    mustNotBeAborted(signal);
    bytes += chunk.length;
    plainHash?.update(chunk);
    if (bytes > limits.bytes)
      throw tooLarge('bytes', limits.bytes, `${what} has more than ${limits.bytes} bytes`);
    if (bytes > freeRatioBytes && bytes > layer.blob.size * limits.ratio)
      throw tooLarge(
        'ratio',
        limits.ratio,
        `${what} has ${layer.blob.size} bytes that become more than ${limits.ratio} times as many`,
      );
  });
  const source = new StreamSource(plain);
  try {
    await unpacker.apply(new TarReader(source).entries());
    // What follows the end mark is part of what the digests speak of.
    await source.skip(Number.MAX_SAFE_INTEGER);
  } finally {
    await source.close();
  }
  if (layer.digest && hash) mustMatch(layer.digest, hash, what);
  if (diffId && plainHash) mustMatch(diffId, plainHash, `${what}, decompressed,`);
}

/** Unpacks into `staging`, an absolute path that does not exist, and describes it there. */
async function unpack(
  chosen: Chosen,
  parsed: ParsedConfig,
  staging: string,
  owners: Owners,
  limits: Limits,
  signal: AbortSignal | undefined,
): Promise<void> {
  mkdirSync(staging, { mode: 0o700 });
  const rootfs = join(staging, 'rootfs');
  mkdirSync(rootfs, { mode: 0o755 });
  const unpacker = new Unpacker(rootfs, owners, limits);
  for (const [number, layer] of chosen.layers.entries())
    await unpackLayer(layer, number, unpacker, parsed, limits, signal);
  unpacker.ensureFolder(parsed.config.workingDir);
  unpacker.ensureFolder('/etc');
  for (const [path, content] of usualFiles)
    unpacker.ensureFile(path, content, (at) => lstatSync(at).size === 0);
  const place = (path: string): string | undefined => {
    const found = unpacker.tree.find(split(path));
    return found?.node.kind === 'file' ? found.path.join('/') : undefined;
  };
  const [passwd, group] = [place('/etc/passwd'), place('/etc/group')];
  unpacker.finish();
  const record: ImageRecord = {
    version: 1,
    id: chosen.id.text,
    references: chosen.references,
    loadedAt: new Date().toISOString(),
    ...unpacker.done,
    passwd,
    group,
    config: parsed.config,
  };
  writeFileSync(join(staging, 'image.json'), JSON.stringify(record), { mode: 0o600, flag: 'wx' });
  // All of it is on the disk before its name says that it is complete.
  const fd = openSync(staging, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await native().addon.syncFilesystem(fd);
  } finally {
    closeSync(fd);
  }
}

function held(cache: Cache, hex: string, record: ImageRecord, lock: Lock): HeldImage {
  try {
    cache.touch(hex);
  } catch (error) {
    log('%s: %s', hex, (error as Error).message); // only the order of removal depends on it
  }
  let released = false;
  return {
    record,
    rootfs: join(cache.folder(hex), 'rootfs'),
    owners: cache.owners,
    release: () => {
      if (!released) lock.release();
      released = true;
    },
  };
}

/** From the cache, where it is; holding the shared lock. */
async function fromCache(
  cache: Cache,
  hex: string,
  signal: AbortSignal | undefined,
): Promise<HeldImage | undefined> {
  const lock = await cache.lock(hex, 'shared', signal);
  try {
    const record = cache.read(hex);
    if (record) return held(cache, hex, record, lock);
  } catch (error) {
    lock.release();
    throw error;
  }
  lock.release();
  return undefined;
}

async function unpackOnce(
  cache: Cache,
  chosen: Chosen,
  limits: Limits,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { hex } = chosen.id;
  const parsed = parseConfig(chosen.config);
  if (parsed.diffIds.length !== chosen.layers.length)
    throw invalid(
      `it has ${chosen.layers.length} layers and its configuration names ${parsed.diffIds.length}`,
    );
  const lock = await cache.lock(hex, 'exclusive', signal);
  try {
    if (cache.read(hex)) return; // another process was faster
    cache.clearStaging(hex);
    const staging = cache.staging(hex);
    try {
      await unpack(chosen, parsed, staging, cache.owners, limits, signal);
      renameSync(staging, cache.folder(hex));
    } catch (error) {
      try {
        cache.clearStaging(hex);
      } catch (second) {
        log('%s: %s', staging, (second as Error).message); // the next one to unpack it does it
      }
      throw error;
    }
  } finally {
    lock.release();
  }
}

/**
 * Rejects with ERR_IMAGE_NOT_FOUND, ERR_IMAGE_INVALID, ERR_IMAGE_UNSUPPORTED, ERR_IMAGE_TOO_LARGE, ERR_IMAGE_CACHE,
 * ERR_ABORTED; nothing is left in the cache then. Pre: the options are valid.
 */
export async function holdImage(options: ImageOptions, { signal }: LoadOptions = {}): Promise<HeldImage> {
  const limits = withDefaults(options.limits);
  const cache = new Cache(options.cache, options.owners ?? defaultOwners());
  try {
    const [, known] = /^sha256:([0-9a-f]{64})$/.exec(options.path) ?? [];
    if (known !== undefined) {
      const image = await fromCache(cache, known, signal);
      if (image) return image;
      throw notFound(
        'no image of this id has been loaded',
        'Load it: barchan image load PATH.',
        options.path,
      );
    }
    const source = await openSource(
      resolve(options.path),
      () => cache.staging(createHash('sha256').update(options.path).digest('hex')),
      limits,
    );
    try {
      const chosen = await choose(source, options.reference, limits);
      for (;;) {
        const image = await fromCache(cache, chosen.id.hex, signal);
        if (image) return image;
        // Somebody may remove it between the two locks: then once more.
        await unpackOnce(cache, chosen, limits, signal);
      }
    } finally {
      source.close();
    }
  } catch (error) {
    if (error instanceof SandboxError) throw error;
    throw cacheFailed(`unpack the image ${options.path}`, options.path, error);
  }
}

/** /etc/passwd or /etc/group of an image; empty where there is none. */
export function accountsFile(image: HeldImage, which: 'passwd' | 'group'): string {
  const path = image.record[which];
  if (path === undefined) return '';
  const whole = Buffer.concat([Buffer.from(`${image.rootfs}/`), Buffer.from(path, 'latin1')]);
  const fd = openSync(whole, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    return readFileSync(fd, 'utf8');
  } finally {
    closeSync(fd);
  }
}
