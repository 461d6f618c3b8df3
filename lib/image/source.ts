/**
 * Where an image's blobs are read from: an OCI image layout (a folder), or an archive of one or of `docker save`.
 *
 * Nothing that is read is believed before its digest was compared. Files of a folder are opened without following links,
 * so that a folder of somebody else's cannot make this process read from FIFOs or devices.
 */
import { closeSync, constants, fstatSync, openSync, readSync, rmSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { FileSource } from './byte-source.js';
import { decompress } from './decompress.js';
import type { Digest } from './digest.js';
import { invalid, notFound, show, tooLarge, unsupported } from './errors.js';
import { archiveEntries, freeRatioBytes, jsonBytes, type Limits } from './limits.js';
import { TarReader } from './tar.js';

export interface Blob {
  size: number;
  stream(): AsyncIterable<Buffer>;
}

export abstract class ImageSource {
  /** As the caller gave it, for messages. */
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  /** A file by its name in the layout; undefined: there is none. */
  abstract open(name: string): Blob | undefined;
  abstract close(): void;

  blob(digest: Digest): Blob {
    const blob = this.open(`blobs/${digest.algorithm}/${digest.hex}`);
    if (!blob) throw invalid(`it has no blob ${digest.text}, or not all of it was copied`);
    return blob;
  }

  /** All bytes of a small file, or undefined. */
  async small(name: string): Promise<Buffer | undefined> {
    const blob = this.open(name);
    return blob && (await readSmall(blob, name));
  }
}

export async function readSmall(blob: Blob, name: string): Promise<Buffer> {
  if (blob.size > jsonBytes) throw invalid(`${show(name)} has ${blob.size} bytes`);
  const chunks: Buffer[] = [];
  for await (const chunk of blob.stream()) chunks.push(chunk);
  return Buffer.concat(chunks);
}

class FolderSource extends ImageSource {
  readonly #open = new Set<number>();

  open(name: string): Blob | undefined {
    const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK, O_NOCTTY } = constants;
    let fd: number;
    try {
      fd = openSync(join(this.path, name), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw invalid(`${show(name)} cannot be read: ${(error as Error).message}`, error);
    }
    this.#open.add(fd);
    const status = fstatSync(fd);
    if (!status.isFile()) throw invalid(`${show(name)} is no file`);
    return { size: status.size, stream: () => new FileSource(fd, 0, status.size) };
  }

  close(): void {
    for (const fd of this.#open) closeSync(fd);
    this.#open.clear();
  }
}

interface Member {
  offset: number;
  size: number;
  /** Of a link, in the archive. */
  target?: string;
}

/** "a/./b/../c" -> "a/c"; '' for what leads out. */
function normal(name: string): string {
  const parts: string[] = [];
  for (const part of name.split('/')) {
    if (part === '..') {
      if (parts.pop() === undefined) return '';
    } else if (part !== '' && part !== '.') parts.push(part);
  }
  return parts.join('/');
}

class ArchiveSource extends ImageSource {
  readonly #fd: number;
  readonly #members = new Map<string, Member>();

  constructor(path: string, fd: number) {
    super(path);
    this.#fd = fd;
  }

  /** Where each file of the archive is. */
  async index(): Promise<void> {
    const source = new FileSource(this.#fd, 0, fstatSync(this.#fd).size);
    let count = 0;
    for await (const entry of new TarReader(source).entries()) {
      if (++count > archiveEntries) throw invalid(`it is an archive of more than ${archiveEntries} files`);
      const name = normal(entry.name);
      if (name === '') continue;
      if (entry.type === 'file' && !entry.extents)
        this.#members.set(name, { offset: entry.offset, size: entry.stored });
      else if (entry.type === 'symlink' || entry.type === 'hardlink') {
        // Older versions of docker save have layers that are there twice as links.
        const target = entry.type === 'symlink' ? `${name}/../${entry.linkName}` : entry.linkName;
        this.#members.set(name, { offset: 0, size: 0, target: normal(target) });
      }
    }
  }

  open(name: string): Blob | undefined {
    let member = this.#members.get(normal(name));
    for (let links = 8; member?.target !== undefined && links > 0; links--)
      member = this.#members.get(member.target);
    if (!member || member.target !== undefined) return undefined;
    const { offset, size } = member;
    return { size, stream: () => new FileSource(this.#fd, offset, offset + size) };
  }

  close(): void {
    closeSync(this.#fd);
  }
}

/** A compressed archive has no places to go to: it is written out first. Returns a file without a name. */
async function expand(fd: number, size: number, temporary: string, limits: Limits): Promise<number> {
  const name = size * limits.ratio < limits.bytes ? 'ratio' : 'bytes';
  const most = Math.min(limits.bytes, Math.max(freeRatioBytes, size * limits.ratio));
  const { O_RDWR, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
  const own = openSync(temporary, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
  try {
    rmSync(temporary, { force: true });
    let written = 0;
    for await (const chunk of decompress(new FileSource(fd, 0, size))) {
      if (written + chunk.length > most)
        throw tooLarge(name, limits[name], `its ${size} bytes become more than ${most}`);
      for (let done = 0; done < chunk.length; ) done += writeSync(own, chunk, done);
      written += chunk.length;
    }
    return own;
  } catch (error) {
    closeSync(own);
    throw error;
  }
}

/**
 * `temporary` names a file that may be made where the archive is compressed. Throws ERR_IMAGE_NOT_FOUND,
 * ERR_IMAGE_INVALID, ERR_IMAGE_UNSUPPORTED, ERR_IMAGE_TOO_LARGE.
 */
export async function openSource(
  path: string,
  temporary: () => string,
  limits: Limits,
): Promise<ImageSource> {
  let folder: boolean;
  let fd = -1;
  try {
    folder = statSync(path).isDirectory();
    if (!folder) fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch (error) {
    throw notFound(
      `it cannot be opened: ${(error as Error).message}`,
      'Give the path of an OCI image layout or of an archive made by docker save, podman save or skopeo copy.',
      path,
    );
  }
  if (folder) return new FolderSource(path);
  try {
    const status = fstatSync(fd);
    if (!status.isFile()) throw unsupported('it is neither a folder nor a file', 'Write it to a file first.');
    const head = Buffer.alloc(262);
    readSync(fd, head, 0, head.length, 0);
    if (head.toString('latin1', 257, 262) !== 'ustar') {
      const own = await expand(fd, status.size, temporary(), limits);
      closeSync(fd);
      fd = own;
    }
    const archive = new ArchiveSource(path, fd);
    await archive.index();
    return archive;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}
