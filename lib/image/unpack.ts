/**
 * Puts the layers of an image into one folder, the later over the earlier ("Applying Changesets" in the OCI's layer.md).
 *
 * Pre: the folder is empty, and nobody but this process writes below it. So what is there is what the tree in memory
 * says, every path given to the kernel goes through folders made here, and no link is ever followed (docs/images.md).
 * Owners are kept where `owners` says so; set-user-ID and set-group-ID bits, devices, FIFOs and extended attributes never.
 */
import {
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  ftruncateSync,
  futimesSync,
  lchownSync,
  linkSync,
  lutimesSync,
  mkdirSync,
  openSync,
  rmdirSync,
  symlinkSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { invalid, show, tooLarge } from './errors.js';
import type { Limits } from './limits.js';
import type { Entry } from './tar.js';
import { type Folder, type Leaf, type Node, newFolder, type Place, split, Tree } from './tree.js';

export type Owners = 'keep' | 'caller';

const whiteout = '.wh.';
const opaque = '.wh..wh..opq';
const reservedForAufs = '.wh..wh.';
const greatestTime = 2 ** 33;
const greatestId = 2 ** 32 - 2;

export interface Unpacked {
  bytes: number;
  entries: number;
  /** Devices and FIFOs, which are left out. */
  skipped: number;
}

export class Unpacker {
  readonly tree: Tree;
  readonly #limits: Limits;
  readonly #prefix: string;
  readonly #owners: Owners;
  readonly #done: Unpacked = { bytes: 0, entries: 0, skipped: 0 };
  #layer = 0;

  /** `folder`: an absolute path. */
  constructor(folder: string, owners: Owners, limits: Limits) {
    this.#prefix = `${Buffer.from(folder).toString('latin1')}/`;
    this.#owners = owners;
    this.#limits = limits;
    this.tree = new Tree(limits);
  }

  get done(): Readonly<Unpacked> {
    return this.#done;
  }

  async apply(entries: AsyncIterable<Entry>): Promise<void> {
    this.#layer++;
    for await (const entry of entries) {
      if (++this.#done.entries > this.#limits.entries)
        throw tooLarge('entries', this.#limits.entries, `it has more than ${this.#limits.entries} entries`);
      await this.#add(entry);
    }
  }

  /** Modes and times of folders, which would be in the way before. No layer can follow. */
  finish(): void {
    const visit = (folder: Folder, path: readonly string[]): void => {
      for (const [name, node] of folder.children) if (node.kind === 'folder') visit(node, [...path, name]);
      const fd = openSync(
        this.#path(path),
        constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW,
      );
      try {
        fchmodSync(fd, folder.mode);
        futimesSync(fd, folder.mtime, folder.mtime);
      } finally {
        closeSync(fd);
      }
    };
    for (const [name, node] of this.tree.root.children) if (node.kind === 'folder') visit(node, [name]);
  }

  /** Makes a folder and those above it where they are missing; false where something else is in the way. */
  ensureFolder(path: string): boolean {
    try {
      const names = split(path);
      const place = names.length > 0 && this.tree.place([...names, '.'], (at) => this.#makeFolder(at));
      return place !== undefined;
    } catch {
      return false;
    }
  }

  /** Writes a small file of root's where there is none or an empty one. Nothing where something else is in the way. */
  ensureFile(path: string, content: string, isEmpty: (path: Buffer) => boolean): void {
    const names = split(path);
    const found = this.tree.find(names);
    if (found && !(found.node.kind === 'file' && isEmpty(this.#path(found.path)))) return;
    const place = found ? this.tree.place(found.path) : this.tree.place(names);
    // A link to nowhere is left alone.
    if (!place || (!found && place.folder.children.has(place.name))) return;
    this.#remove(place);
    const fd = this.#create(place);
    writeSync(fd, content);
    this.#finishFile(fd, { mode: 0o644, uid: 0, gid: 0, mtime: 0 });
    place.folder.children.set(place.name, this.#leaf('file'));
  }

  #path(names: readonly string[], name?: string): Buffer {
    const path = name === undefined ? names.join('/') : [...names, name].join('/');
    return Buffer.from(this.#prefix + path, 'latin1');
  }

  #leaf(kind: Leaf['kind'], target = ''): Leaf {
    return { kind, target, layer: this.#layer };
  }

  async #add(entry: Entry): Promise<void> {
    if (entry.name.length > this.#limits.pathBytes)
      throw tooLarge('pathBytes', this.#limits.pathBytes, `the path ${show(entry.name)} is too long`);
    const names = split(entry.name);
    const name = names.at(-1);
    if (name === undefined) return; // the root itself, which a sandbox has of its own
    const mark = names.slice(0, -1).find((part) => part.startsWith(whiteout));
    if (mark?.startsWith(reservedForAufs)) return;
    if (mark !== undefined) throw invalid(`${show(entry.name)} is below a whiteout`);
    const place = this.tree.place(names, (at) => this.#makeFolder(at)) as Place;
    this.#mustFit(place);
    if (name.startsWith(whiteout)) return this.#white(place);

    switch (entry.type) {
      case 'directory':
        return this.#addFolder(place, entry);
      case 'file':
        return await this.#addFile(place, entry);
      case 'symlink':
        return this.#addLink(place, entry);
      case 'hardlink':
        return this.#addHardLink(place, entry);
      default:
        // Without this one, whatever lower layers have there would show.
        this.#remove(place);
        this.#done.skipped++;
    }
  }

  #mustFit(place: Place): void {
    const { pathBytes, depth } = this.#limits;
    const path = [...place.path, place.name];
    // Links make paths longer than entries say.
    if (path.length > depth)
      throw tooLarge('depth', depth, `${show(path.join('/'))} is in more than ${depth} folders`);
    if (path.join('/').length > pathBytes)
      throw tooLarge('pathBytes', pathBytes, `the path ${show(path.join('/'))} is too long`);
  }

  #makeFolder(place: Place): Folder {
    this.#mustFit(place);
    const path = this.#path(place.path, place.name);
    mkdirSync(path, 0o700);
    const folder = newFolder(this.#layer);
    if (this.#owners === 'keep') lchownSync(path, 0, 0);
    place.folder.children.set(place.name, folder);
    return folder;
  }

  #white(place: Place): void {
    if (place.name === opaque) {
      for (const name of [...place.folder.children.keys()]) this.#removeLower({ ...place, name });
      return;
    }
    if (place.name.startsWith(reservedForAufs)) return;
    const name = place.name.slice(whiteout.length);
    if (name === '' || name === '.' || name === '..') throw invalid(`a whiteout of ${show(name)}`);
    this.#removeLower({ ...place, name });
  }

  /** Removes what is not of this layer. */
  #removeLower(place: Place): void {
    const node = place.folder.children.get(place.name);
    if (!node) return;
    if (node.kind === 'folder') {
      const path = [...place.path, place.name];
      for (const name of [...node.children.keys()]) this.#removeLower({ folder: node, path, name });
      if (node.children.size > 0) return;
    }
    if (node.layer < this.#layer) this.#remove(place);
  }

  #remove(place: Place): void {
    const node = place.folder.children.get(place.name);
    if (!node) return;
    this.#removeNode(node, [...place.path, place.name]);
    place.folder.children.delete(place.name);
  }

  #removeNode(node: Node, path: readonly string[]): void {
    if (node.kind !== 'folder') {
      unlinkSync(this.#path(path));
      return;
    }
    for (const [name, child] of node.children) this.#removeNode(child, [...path, name]);
    rmdirSync(this.#path(path));
  }

  #addFolder(place: Place, entry: Entry): void {
    let folder = place.folder.children.get(place.name);
    if (folder?.kind !== 'folder') {
      this.#remove(place);
      folder = this.#makeFolder(place);
    }
    Object.assign(folder, { layer: this.#layer, mode: entry.mode & 0o1777, mtime: time(entry.mtime) });
    if (this.#owners === 'keep') lchownSync(this.#path(place.path, place.name), ...this.#ids(entry));
  }

  #addLink(place: Place, entry: Entry): void {
    if (entry.linkName === '' || entry.linkName.length > 4095)
      throw invalid(`the link ${show(entry.name)} has an empty or too long target`);
    this.#remove(place);
    const path = this.#path(place.path, place.name);
    symlinkSync(Buffer.from(entry.linkName, 'latin1'), path);
    if (this.#owners === 'keep') lchownSync(path, ...this.#ids(entry));
    lutimesSync(path, time(entry.mtime), time(entry.mtime));
    place.folder.children.set(place.name, this.#leaf('link', entry.linkName));
  }

  #addHardLink(place: Place, entry: Entry): void {
    const names = split(entry.linkName);
    const look = (): { from: Place; node: Node } | undefined => {
      const from = names.length > 0 ? this.tree.place(names) : undefined;
      const node = from?.folder.children.get(from.name);
      return from && node && { from, node };
    };
    const before = look();
    if (before && before.from.folder === place.folder && before.from.name === place.name) return;
    this.#remove(place);
    // Once more, as that may have been a folder with the target in it.
    const { from, node } = look() ?? {};
    if (!from || !node || node.kind === 'folder')
      throw invalid(
        `${show(entry.name)} is a link to ${show(entry.linkName)}, which is no file of the image`,
      );
    // link(2) does not follow a link that `from` may be; folders on both ways are in the tree.
    linkSync(this.#path(from.path, from.name), this.#path(place.path, place.name));
    place.folder.children.set(place.name, this.#leaf(node.kind, node.target));
  }

  #create(place: Place): number {
    const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
    return openSync(this.#path(place.path, place.name), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
  }

  async #addFile(place: Place, entry: Entry): Promise<void> {
    this.#done.bytes += entry.size;
    if (!(this.#done.bytes <= this.#limits.bytes))
      throw tooLarge('bytes', this.#limits.bytes, `it has more than ${this.#limits.bytes} bytes`);
    this.#remove(place);
    const fd = this.#create(place);
    place.folder.children.set(place.name, this.#leaf('file'));
    let open = true;
    try {
      await this.#fill(fd, entry);
      open = false;
      this.#finishFile(fd, entry);
    } finally {
      if (open) closeSync(fd);
    }
  }

  async #fill(fd: number, entry: Entry): Promise<void> {
    const extents = [...(entry.extents ?? [[0, entry.size]])].filter(([, size]) => size > 0).reverse();
    let [at, left] = extents.pop() ?? [0, 0];
    for await (const chunk of entry.data()) {
      for (let done = 0; done < chunk.length; ) {
        if (left === 0) [at, left] = extents.pop() ?? [0, chunk.length];
        const count = writeSync(fd, chunk, done, Math.min(chunk.length - done, left), at);
        done += count;
        at += count;
        left -= count;
      }
    }
    if (entry.extents) ftruncateSync(fd, entry.size);
  }

  /** Closes it. */
  #finishFile(fd: number, file: Pick<Entry, 'mode' | 'uid' | 'gid' | 'mtime'>): void {
    try {
      if (this.#owners === 'keep') fchownSync(fd, ...this.#ids(file));
      fchmodSync(fd, file.mode & 0o1777);
      futimesSync(fd, time(file.mtime), time(file.mtime));
    } finally {
      closeSync(fd);
    }
  }

  #ids({ uid, gid }: Pick<Entry, 'uid' | 'gid'>): [number, number] {
    if (uid < 0 || uid > greatestId || gid < 0 || gid > greatestId)
      throw invalid(`a file's owner ${uid}:${gid} is out of range`);
    return [uid, gid];
  }
}

const time = (seconds: number): number => Math.min(Math.max(seconds, 0), greatestTime);
