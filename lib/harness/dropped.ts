/**
 * Which files a sample has left behind, changed or taken away.
 *
 * Places that begin empty, and mounts that can be written, are looked through before and after. Of the rest of the root, which may
 * have a million files, those are looked at that calls have named, and compared with what a second sandbox with the same root
 * shows. Everything is read by the sandbox's own files process, when no program is left in it: no name of the sample's is used on
 * the host.
 */
import { createHash } from 'node:crypto';
import { posix } from 'node:path';
import type { AuditedFile } from '../audit.js';
import { SandboxError } from '../errors.js';
import type { SandboxFiles } from '../files.js';
import type { FileStat } from '../files-message.js';
import type { Mount } from '../isolation.js';
import type { SandboxOptions } from '../options.js';
import { Sandbox } from '../sandbox.js';
import type { Kept } from './options.js';
import type { DroppedFile } from './verdict.js';

const ownPlaces = ['/tmp', '/run', '/var/tmp', '/dev/shm'];
const noFiles = ['/proc', '/sys', '/dev'];
const atOnce = 32;
const mostLinks = 40;
const mostInFolder = 300_000;

const covers = (folder: string, path: string): boolean => path === folder || path.startsWith(`${folder}/`);
const target = (mount: Mount): string => ('tmpfs' in mount ? mount.tmpfs : mount.target);

/** Names are bytes; as keys and in a verdict they are text. */
type Tree = Map<string, { bytes: Buffer; stat: FileStat }>;

export interface Dropped {
  dropped: DroppedFile[];
  deleted: string[];
  omitted: number;
}

export class DroppedFiles {
  readonly #box: Sandbox;
  readonly #options: SandboxOptions;
  readonly #kept: Kept;
  readonly #places: string[];
  readonly #fixed: string[];
  readonly #links = new Map<string, string | undefined>();
  readonly #dropped: DroppedFile[] = [];
  readonly #deleted: string[] = [];
  readonly #signal: AbortSignal | undefined;
  #before: Tree = new Map();
  #keptBytes = 0;
  #entries = 0;
  #omitted = 0;

  /** `options`: those of `box`. */
  constructor(box: Sandbox, options: SandboxOptions, kept: Kept, signal: AbortSignal | undefined) {
    this.#box = box;
    this.#options = options;
    this.#kept = kept;
    this.#signal = signal;
    const mounts = options.mounts ?? [];
    const isFixed = (mount: Mount): boolean => !('tmpfs' in mount) && mount.readOnly !== false;
    this.#fixed = mounts.filter(isFixed).map(target);
    const places = [...ownPlaces, ...mounts.filter((mount) => !isFixed(mount)).map(target)];
    this.#places = places.filter(
      (path, index) => !places.some((other, at) => covers(other, path) && (other !== path || at < index)),
    );
  }

  /** Before the sample starts. Rejects as Sandbox.files. */
  async begin(): Promise<void> {
    this.#before = await this.#look(this.#box.files, this.#places);
  }

  /** When no program is left. `unseen`: names that were opened nobody knows how. Rejects with ERR_ABORTED and as Sandbox.create(). */
  async end(files: readonly AuditedFile[], unseen: readonly string[]): Promise<Dropped> {
    this.#entries = 0;
    const after = await this.#look(this.#box.files, this.#places);
    const wrote = new Set(files.filter(({ uses }) => isWritten(uses)).map(({ path }) => path));
    for (const [path, { bytes, stat }] of after) {
      const before = this.#before.get(path);
      if (!before) await this.#drop(path, bytes, stat, 'created');
      else if (isChanged(before.stat, stat, wrote.has(path))) await this.#drop(path, bytes, stat, 'changed');
    }
    for (const path of this.#before.keys()) if (!after.has(path)) this.#deleted.push(path);
    await this.#named(files, unseen, after);
    this.#dropped.sort((a, b) => (a.path < b.path ? -1 : 1));
    this.#deleted.sort();
    return { dropped: this.#dropped, deleted: this.#deleted, omitted: this.#omitted };
  }

  /** What lies in `roots`, folders left out. What cannot be read, or is too much, counts as omitted. */
  async #look(files: SandboxFiles, roots: readonly string[]): Promise<Tree> {
    const tree: Tree = new Map();
    const queue: Buffer[] = roots.map((path) => Buffer.from(path));
    for (let folder = queue.shift(); folder; folder = queue.shift()) {
      this.#mustGoOn();
      const entries = await this.#try(files.list(folder, { maxEntries: mostInFolder }));
      const here: Buffer[] = [];
      for (const { nameBytes, type } of entries ?? []) {
        const bytes = Buffer.concat([folder, Buffer.from('/'), nameBytes]);
        if (this.#fixed.includes(bytes.toString())) continue;
        if (++this.#entries > this.#kept.entries || bytes.length > 4095) this.#omitted++;
        else if (type === 'directory') queue.push(bytes);
        else if (type === 'file' || type === 'link') here.push(bytes);
      }
      for (let at = 0; at < here.length; at += atOnce) {
        await Promise.all(
          here.slice(at, at + atOnce).map(async (bytes) => {
            const stat = await this.#try(files.stat(bytes, { followLinks: false }));
            if (stat) tree.set(bytes.toString(), { bytes, stat });
          }),
        );
      }
    }
    return tree;
  }

  /** Files outside of the places that were looked through. */
  async #named(files: readonly AuditedFile[], unseen: readonly string[], after: Tree): Promise<void> {
    const wanted = new Set<string>();
    const isUnseen = (path: string): boolean =>
      unseen.some((name) => path.endsWith(posix.resolve('/', name)));
    for (const { path, uses, calls } of files) {
      if (calls === 0 || after.has(path)) continue;
      if (isWritten(uses) || uses.includes('deleted') || isUnseen(path)) wanted.add(path);
    }
    const paths = new Set<string>();
    for (const path of wanted) {
      this.#mustGoOn();
      for (const real of [await this.#real(path, true), await this.#real(path, false)]) {
        if (
          real !== undefined &&
          ![...noFiles, ...this.#fixed, ...this.#places].some((folder) => covers(folder, real))
        )
          paths.add(real);
      }
    }
    if (paths.size === 0) return;
    const { rootfs } = this.#options;
    await using original = await Sandbox.create({
      ...this.#options,
      rootfs: typeof rootfs === 'object' ? { ...rootfs, writable: false } : rootfs,
      limits: undefined,
    });
    const now = this.#box.files;
    for (const path of paths) {
      this.#mustGoOn();
      const bytes = Buffer.from(path);
      const stat = await this.#status(now, bytes);
      const before = await this.#status(original.files, bytes);
      if (!stat) {
        if (before && before.type !== 'directory') this.#deleted.push(path);
      } else if (stat.type === 'directory') {
        // A new one, or one that was moved here: all that is in it.
        if (before) continue;
        for (const [name, entry] of await this.#look(now, [path]))
          if (!paths.has(name)) await this.#drop(name, entry.bytes, entry.stat, 'created');
      } else if (stat.type === 'file' || stat.type === 'link') {
        if (!before) await this.#drop(path, bytes, stat, 'created');
        else if (await this.#differs(original.files, bytes, before, stat))
          await this.#drop(path, bytes, stat, 'changed');
      }
    }
  }

  async #differs(original: SandboxFiles, path: Buffer, before: FileStat, stat: FileStat): Promise<boolean> {
    if (before.type !== stat.type || before.size !== stat.size) return true;
    if (stat.size > this.#kept.hashed) return before.modified.getTime() !== stat.modified.getTime();
    const [old, now] = [
      await this.#content(original, path, before),
      await this.#content(this.#box.files, path, stat),
    ];
    return old.sha256 !== now.sha256;
  }

  async #status(files: SandboxFiles, path: Buffer): Promise<FileStat | undefined> {
    try {
      return await files.stat(path, { followLinks: false });
    } catch (error) {
      if (error instanceof SandboxError && error.code.startsWith('ERR_FILE')) return undefined;
      throw error;
    }
  }

  async #drop(path: string, bytes: Buffer, stat: FileStat, change: DroppedFile['change']): Promise<void> {
    if (this.#dropped.length >= this.#kept.entries) {
      this.#omitted++;
      return;
    }
    this.#mustGoOn();
    const kind = stat.type === 'link' ? 'symlink' : 'file';
    const { sha256, head } = await this.#content(this.#box.files, bytes, stat);
    const room = Math.max(0, Math.min(this.#kept.file, this.#kept.files - this.#keptBytes));
    const kept = head.subarray(0, room);
    this.#keptBytes += kept.length;
    this.#dropped.push({
      path,
      change,
      kind,
      mode: stat.mode,
      size: stat.size,
      sha256,
      bytes: kept.toString('base64'),
      truncated: kept.length < stat.size,
    });
  }

  async #content(
    files: SandboxFiles,
    path: Buffer,
    stat: FileStat,
  ): Promise<{ sha256: string | undefined; head: Buffer }> {
    const hash = createHash('sha256');
    if (stat.type === 'link') {
      const head = Buffer.from((await this.#try(files.readlink(path))) ?? '');
      return { sha256: hash.update(head).digest('hex'), head };
    }
    const most = stat.size <= this.#kept.hashed ? stat.size : Math.min(stat.size, this.#kept.file);
    const head: Buffer[] = [];
    let size = 0;
    try {
      if (most > 0)
        for await (const chunk of files.createReadStream(path, { end: most - 1 }) as AsyncIterable<Buffer>) {
          this.#mustGoOn();
          hash.update(chunk);
          if (size < this.#kept.file) head.push(chunk.subarray(0, this.#kept.file - size));
          size += chunk.length;
        }
    } catch (error) {
      if (!(error instanceof SandboxError && error.code.startsWith('ERR_FILE'))) throw error;
      this.#omitted++;
      return { sha256: undefined, head: Buffer.concat(head) };
    }
    return { sha256: size === stat.size ? hash.digest('hex') : undefined, head: Buffer.concat(head) };
  }

  /** Where a path leads, its last part followed or not; undefined: nowhere, as links are now. */
  async #real(path: string, followLast: boolean): Promise<string | undefined> {
    let rest = path.split('/').filter(Boolean);
    let at = '';
    for (let links = 0; rest.length > 0; ) {
      const [part, ...more] = rest as [string, ...string[]];
      const next = `${at}/${part}`;
      const link = more.length > 0 || followLast ? await this.#link(next) : undefined;
      if (link === undefined) {
        at = next;
        rest = more;
        continue;
      }
      if (++links > mostLinks) return undefined;
      const resolved = posix.resolve(at || '/', link);
      at = '';
      rest = [...resolved.split('/').filter(Boolean), ...more];
      if (rest.length > 2048) return undefined;
    }
    return at || '/';
  }

  async #link(path: string): Promise<string | undefined> {
    if (this.#links.has(path)) return this.#links.get(path);
    let found: string | undefined;
    try {
      const stat = await this.#status(this.#box.files, Buffer.from(path));
      if (stat?.type === 'link') found = (await this.#try(this.#box.files.readlink(path))) || undefined;
    } catch (error) {
      if (!(error instanceof SandboxError && error.code === 'ERR_INVALID_OPTION')) throw error;
    }
    if (this.#links.size < this.#kept.entries) this.#links.set(path, found);
    return found;
  }

  async #try<T>(asked: Promise<T>): Promise<T | undefined> {
    try {
      return await asked;
    } catch (error) {
      if (!(error instanceof SandboxError) || !/^ERR_(FILE|INVALID_OPTION)/.test(error.code)) throw error;
      if (error.code !== 'ERR_FILE_NOT_FOUND') this.#omitted++;
      return undefined;
    }
  }

  #mustGoOn(): void {
    if (!this.#signal?.aborted) return;
    throw new SandboxError('ERR_ABORTED', 'Stopped to look at what the sample has left: it was aborted', {
      cause: this.#signal.reason,
    });
  }
}

const isWritten = (uses: AuditedFile['uses']): boolean =>
  uses.some((use) => use === 'written' || use === 'created' || use === 'changed');

function isChanged(before: FileStat, after: FileStat, written: boolean): boolean {
  if (before.inode !== after.inode || before.size !== after.size || before.type !== after.type) return true;
  if (before.modified.getTime() !== after.modified.getTime()) return true;
  // Its time can be set back; that of the last change of anything cannot.
  return written && before.changed.getTime() !== after.changed.getTime();
}
