/**
 * Reads tar archives that nobody has checked: POSIX ustar, PAX, GNU, sparse files. What is not exactly right is
 * ERR_IMAGE_INVALID; nothing that an archive says decides how much memory is used.
 */
import type { ByteSource } from './byte-source.js';
import { invalid, show } from './errors.js';
import {
  blockSize,
  type Extents,
  isZero,
  parseHeader,
  parseRecords,
  type RawHeader,
  sparseExtension,
  sparseHeader,
} from './tar-header.js';

export type EntryType = 'file' | 'directory' | 'symlink' | 'hardlink' | 'character' | 'block' | 'fifo';

/** Names have one character for each byte (latin1). */
export interface Entry {
  name: string;
  type: EntryType;
  linkName: string;
  /** Of a file, holes included. */
  size: number;
  /** Where the file's bytes are in it; undefined: they are all of it. */
  extents: Extents | undefined;
  /** Where its bytes begin in the archive, and how many there are. */
  offset: number;
  stored: number;
  mode: number;
  uid: number;
  gid: number;
  mtime: number;
  /** The stored bytes, which the next entry skips where they are not read to the end. */
  data(): AsyncGenerator<Buffer>;
}

const longestName = 64 * 1024;
const mostRecordBytes = 1024 * 1024;
const mostExtents = 16 * 1024;
const mostMapBytes = 256 * 1024;
const chunkBytes = 256 * 1024;

const types: Record<string, EntryType> = {
  '0': 'file',
  '\0': 'file',
  '7': 'file',
  S: 'file',
  '1': 'hardlink',
  '2': 'symlink',
  '3': 'character',
  '4': 'block',
  '5': 'directory',
  '6': 'fifo',
};

/** What extended headers have said of the next entry. */
interface Extended {
  name?: string;
  linkName?: string;
  records?: [string, string][];
}

const roundUp = (size: number): number => Math.ceil(size / blockSize) * blockSize;

function whole(value: string, key: string): number {
  if (!/^\d{1,16}$/.test(value)) throw invalid(`${key} in an extended header is no number: ${show(value)}`);
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw invalid(`${key} in an extended header is out of range`);
  return number;
}

function checkExtents(extents: Extents, stored: number, size: number): void {
  let end = 0;
  let sum = 0;
  for (const [at, length] of extents) {
    if (at < end || length < 0 || !Number.isSafeInteger(at + length))
      throw invalid("a sparse file's map is not in order");
    end = at + length;
    sum += length;
  }
  if (end > size || sum !== stored) throw invalid("a sparse file's map does not fit its size");
}

export class TarReader {
  readonly #source: ByteSource;
  /** Bytes until the next header. */
  #left = 0;
  /** How many of them are the entry's and no padding. */
  #stored = 0;

  constructor(source: ByteSource) {
    this.#source = source;
  }

  /** Until the end mark, or the end of the bytes where a header could begin. */
  async *entries(): AsyncGenerator<Entry> {
    let extended: Extended = {};
    for (;;) {
      await this.#skip(this.#left);
      const block = await this.#source.read(blockSize);
      if (block.length === 0) break;
      if (block.length < blockSize) throw invalid('an archive is truncated');
      if (isZero(block)) break;
      const header = parseHeader(block);
      this.#left = roundUp(header.size);
      if (!Number.isSafeInteger(this.#left)) throw invalid("an archive's entry is too long");
      if (await this.#extend(header, extended)) continue;
      yield await this.#entry(header, block, extended);
      extended = {};
    }
    if (Object.keys(extended).length > 0) throw invalid('an archive ends after an extended header');
  }

  /** Takes a header that says something of the next one. */
  async #extend(header: RawHeader, extended: Extended): Promise<boolean> {
    switch (header.type) {
      case 'L':
        extended.name = cut(await this.#small(header, longestName));
        return true;
      case 'K':
        extended.linkName = cut(await this.#small(header, longestName));
        return true;
      case 'x':
        extended.records = parseRecords(await this.#small(header, mostRecordBytes));
        return true;
      case 'g':
        // Of all that follows, but images have nothing in it that matters; docker passes over it too.
        await this.#small(header, mostRecordBytes);
        return true;
      default:
        return false;
    }
  }

  async #small(header: RawHeader, most: number): Promise<Buffer> {
    if (header.size > most) throw invalid(`an archive has an extended header of ${header.size} bytes`);
    return this.#take(header.size);
  }

  async #entry(header: RawHeader, block: Buffer, extended: Extended): Promise<Entry> {
    const type = types[header.type];
    if (!type) throw invalid(`an archive has an entry of the unknown type ${show(header.type)}`);
    const entry: Entry = {
      name: extended.name ?? header.name,
      type,
      linkName: extended.linkName ?? header.linkName,
      size: header.size,
      extents: undefined,
      offset: 0,
      stored: header.size,
      mode: header.mode,
      uid: header.uid,
      gid: header.gid,
      mtime: header.mtime,
      data: () => this.#data(),
    };
    const sparse = new Map<string, string>();
    const pairs: string[] = [];
    for (const [key, value] of extended.records ?? []) {
      if (key === 'path') entry.name = value;
      else if (key === 'linkpath') entry.linkName = value;
      else if (key === 'size') entry.stored = entry.size = whole(value, key);
      else if (key === 'uid') entry.uid = whole(value, key);
      else if (key === 'gid') entry.gid = whole(value, key);
      else if (key === 'mtime' && /^-?\d+(\.\d*)?$/.test(value)) entry.mtime = Number(value);
      else if (key === 'GNU.sparse.offset' || key === 'GNU.sparse.numbytes') pairs.push(value);
      else if (key.startsWith('GNU.sparse.')) sparse.set(key.slice('GNU.sparse.'.length), value);
    }
    // Links, folders and devices have no bytes, whatever the size says, as in Go's archive/tar.
    if (type !== 'file') entry.size = entry.stored = 0;
    this.#left = roundUp(entry.stored);
    if (header.type === 'S') await this.#oldSparse(block, entry);
    else if (type === 'file' && (sparse.size > 0 || pairs.length > 0))
      await this.#paxSparse(entry, sparse, pairs);
    // Archives of before POSIX.
    if (type === 'file' && entry.name.endsWith('/') && header.type !== 'S' && !entry.extents) {
      entry.type = 'directory';
      entry.size = 0;
    }
    if (entry.name.includes('\0') || entry.linkName.includes('\0'))
      throw invalid('a name has a NUL byte in it');
    entry.offset = this.#source.position;
    this.#stored = entry.stored;
    return entry;
  }

  async #oldSparse(block: Buffer, entry: Entry): Promise<void> {
    const { extents, realSize, more } = sparseHeader(block);
    for (let again = more; again; ) {
      // Blocks of the map are no part of the entry's size.
      const extension = await this.#source.read(blockSize);
      if (extension.length < blockSize) throw invalid('an archive is truncated');
      again = sparseExtension(extension, extents);
      if (extents.length > mostExtents) throw invalid("a sparse file's map is too long");
    }
    checkExtents(extents, entry.stored, realSize);
    entry.extents = extents;
    entry.size = realSize;
  }

  async #paxSparse(entry: Entry, sparse: Map<string, string>, pairs: string[]): Promise<void> {
    const size = sparse.get('realsize') ?? sparse.get('size');
    if (size === undefined) throw invalid('a sparse file has no size');
    entry.size = whole(size, 'GNU.sparse.size');
    entry.name = sparse.get('name') ?? entry.name;
    const [major, minor] = [sparse.get('major'), sparse.get('minor')];
    let numbers: string[];
    if (major === '1' && minor === '0') numbers = await this.#inlineMap(entry);
    else if (major !== undefined && major !== '0') throw invalid('a sparse file is of an unknown version');
    else numbers = sparse.get('map')?.split(',') ?? pairs;
    if (numbers.length % 2 !== 0 || numbers.length > 2 * mostExtents)
      throw invalid("a sparse file's map is malformed");
    const extents: Extents = [];
    for (let i = 0; i < numbers.length; i += 2)
      extents.push([whole(numbers[i] as string, 'map'), whole(numbers[i + 1] as string, 'map')]);
    checkExtents(extents, entry.stored, entry.size);
    entry.extents = extents;
  }

  /** Version 1.0: the map is at the head of the data, decimal lines in whole blocks. */
  async #inlineMap(entry: Entry): Promise<string[]> {
    let text = '';
    const lines = async (count: number): Promise<string[]> => {
      let found = text.split('\n');
      while (found.length <= count) {
        if (entry.stored < blockSize || text.length > mostMapBytes)
          throw invalid("a sparse file's map is malformed");
        text += (await this.#take(blockSize)).toString('latin1');
        entry.stored -= blockSize;
        found = text.split('\n');
      }
      return found.slice(0, count);
    };
    const count = whole((await lines(1))[0] as string, 'map');
    if (count > mostExtents) throw invalid("a sparse file's map is too long");
    return (await lines(1 + 2 * count)).slice(1);
  }

  async *#data(): AsyncGenerator<Buffer> {
    // Padding is not data.
    let left = this.#stored;
    while (left > 0) {
      const part = await this.#source.some(Math.min(left, chunkBytes));
      if (!part) throw invalid('an archive is truncated');
      left -= part.length;
      this.#left -= part.length;
      yield part;
    }
  }

  async #take(size: number): Promise<Buffer> {
    const bytes = await this.#source.read(size);
    if (bytes.length < size) throw invalid('an archive is truncated');
    this.#left -= size;
    return bytes;
  }

  async #skip(size: number): Promise<void> {
    if ((await this.#source.skip(size)) < size) throw invalid('an archive is truncated');
    this.#left = 0;
  }
}

/** Of a long name: up to the NUL byte. */
function cut(bytes: Buffer): string {
  const end = bytes.indexOf(0);
  return bytes.toString('latin1', 0, end === -1 ? bytes.length : end);
}
