/**
 * The folder in which unpacked images are kept, by the digest of their configuration, which says what they consist of:
 *
 *   images-1/<owners>/<hex>/          an image: image.json and rootfs; complete, since it came here by rename(2)
 *   images-1/<owners>/.<hex>.<random> one that is being unpacked or removed, or was when its process ended
 *   images-1/locks/<owners>-<hex>     flock(2): shared by those who use the image, exclusive for who makes or removes it
 *
 * The kernel lets a lock go with its process, so none is left behind, and whoever holds the exclusive one may clear away
 * what earlier holders have not finished. All of it is this user's alone.
 */
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  constants,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  utimesSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { logger } from '../debug.js';
import { SandboxError } from '../errors.js';
import { native } from '../native.js';
import type { ImageConfig } from './config.js';
import { cacheFailed } from './errors.js';
import { removeTree } from './remove-tree.js';
import type { Owners } from './unpack.js';

const log = logger('image');

/** image.json */
export interface ImageRecord {
  version: 1;
  /** "sha256:..." */
  id: string;
  references: string[];
  loadedAt: string;
  bytes: number;
  entries: number;
  skipped: number;
  /** Where these are in the rootfs, links followed; one character for each byte. */
  passwd?: string | undefined;
  group?: string | undefined;
  config: ImageConfig;
}

export function defaultCache(): string {
  const base = process.env.XDG_CACHE_HOME;
  return join(base && isAbsolute(base) ? base : join(homedir(), '.cache'), 'barchan');
}

export class Lock {
  readonly #fd: number;

  constructor(fd: number) {
    this.#fd = fd;
  }

  release(): void {
    closeSync(this.#fd);
  }
}

/** mkdir(2) of what is missing. Node's own way of doing it never ends below /proc. */
function makeFolder(path: string): void {
  if (statSync(path, { throwIfNoEntry: false })) return;
  makeFolder(dirname(path));
  try {
    mkdirSync(path, 0o700);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error; // another process was faster
  }
}

const firstWaitMs = 10;
const longestWaitMs = 250;

export class Cache {
  readonly #base: string;
  readonly #owners: Owners;

  /** Makes the folder where it is missing. Throws ERR_IMAGE_CACHE. */
  constructor(folder: string | undefined, owners: Owners) {
    this.#base = join(resolve(folder ?? defaultCache()), 'images-1');
    this.#owners = owners;
    try {
      for (const part of [owners, 'locks']) makeFolder(join(this.#base, part));
    } catch (error) {
      throw cacheFailed('make the image cache', this.#base, error);
    }
    for (const path of [this.#base, join(this.#base, owners), join(this.#base, 'locks')]) {
      const status = lstatSync(path);
      if (!status.isDirectory() || status.uid !== process.geteuid?.() || (status.mode & 0o022) !== 0)
        throw new SandboxError(
          'ERR_IMAGE_CACHE',
          `Cannot use the image cache ${path}: others can write there`,
          {
            path,
            remedy:
              'It must be a folder of this user that nobody else can write in: name another one, or change its owner and mode.',
          },
        );
    }
  }

  get owners(): Owners {
    return this.#owners;
  }

  folder(hex: string): string {
    return join(this.#base, this.#owners, hex);
  }

  /** A name for what is not, or no longer, an image. */
  staging(hex: string): string {
    return join(this.#base, this.#owners, `.${hex}.${randomBytes(6).toString('hex')}`);
  }

  /** What image.json says; undefined: there is no such image. Throws ERR_IMAGE_CACHE. */
  read(hex: string): ImageRecord | undefined {
    const path = join(this.folder(hex), 'image.json');
    try {
      const record = JSON.parse(readFileSync(path, 'utf8')) as ImageRecord;
      if (record.version !== 1 || record.id !== `sha256:${hex}`)
        throw new Error('it is of another image or version');
      return record;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw cacheFailed(`read ${path}`, path, error);
    }
  }

  /** Images, newest use first. */
  list(): { hex: string; record: ImageRecord; usedAt: Date }[] {
    return readdirSync(join(this.#base, this.#owners))
      .filter((name) => /^[0-9a-f]{64}$/.test(name))
      .flatMap((hex) => {
        const record = this.read(hex);
        const status = lstatSync(join(this.folder(hex), 'image.json'), { throwIfNoEntry: false });
        return record && status ? [{ hex, record, usedAt: status.mtime }] : [];
      })
      .sort((a, b) => b.usedAt.getTime() - a.usedAt.getTime());
  }

  /** Notes that the image is in use, for those who clear away old ones. */
  touch(hex: string): void {
    const now = new Date();
    utimesSync(join(this.folder(hex), 'image.json'), now, now);
  }

  /** undefined: somebody holds it. */
  tryLock(hex: string, kind: 'shared' | 'exclusive'): Lock | undefined {
    const path = join(this.#base, 'locks', `${this.#owners}-${hex}`);
    try {
      const fd = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);
      try {
        if (native().addon.lockFile(fd, kind === 'exclusive')) return new Lock(fd);
      } catch (error) {
        closeSync(fd);
        throw error;
      }
      closeSync(fd);
      return undefined;
    } catch (error) {
      throw cacheFailed('lock an image', path, error);
    }
  }

  /** Waits until nobody is in the way. Throws ERR_ABORTED. */
  async lock(hex: string, kind: 'shared' | 'exclusive', signal: AbortSignal | undefined): Promise<Lock> {
    for (let wait = firstWaitMs; ; wait = Math.min(2 * wait, longestWaitMs)) {
      mustNotBeAborted(signal);
      const lock = this.tryLock(hex, kind);
      if (lock) return lock;
      await sleep(wait);
    }
  }

  /** Pre: the exclusive lock is held. */
  clearStaging(hex: string): void {
    for (const name of readdirSync(join(this.#base, this.#owners)))
      if (name.startsWith(`.${hex}.`)) removeTree(join(this.#base, this.#owners, name));
  }

  /** False when it is in use. Nothing where there is nothing. */
  remove(hex: string): boolean {
    const lock = this.tryLock(hex, 'exclusive');
    if (!lock) return false;
    const folder = this.folder(hex);
    try {
      // Gone at once for everybody else, whatever becomes of this process.
      if (lstatSync(folder, { throwIfNoEntry: false })) renameSync(folder, this.staging(hex));
      this.clearStaging(hex);
      log('removed %s', hex);
      return true;
    } catch (error) {
      throw cacheFailed('remove an image', folder, error);
    } finally {
      lock.release();
    }
  }

  /** What processes that have ended did not finish. */
  clearLeftovers(): void {
    for (const name of readdirSync(join(this.#base, this.#owners))) {
      const [, hex] = /^\.([0-9a-f]{64})\.[0-9a-f]+$/.exec(name) ?? [];
      if (hex === undefined) continue;
      const lock = this.tryLock(hex, 'exclusive');
      if (!lock) continue;
      try {
        this.clearStaging(hex);
      } finally {
        lock.release();
      }
    }
  }
}

/** Throws ERR_ABORTED when it is. */
export function mustNotBeAborted(signal: AbortSignal | undefined): void {
  if (!signal?.aborted) return;
  throw new SandboxError('ERR_ABORTED', 'Loading an image was aborted', { cause: signal.reason });
}
