/** Bytes in order, from a stream or from a place in a file, for the reader of archives. */
import { readSync } from 'node:fs';

export interface ByteSource {
  /** Of the next byte. */
  readonly position: number;
  /** Exactly `size` bytes, fewer only at the end. `size` is small. */
  read(size: number): Promise<Buffer>;
  /** At least one byte and at most `most`, or undefined at the end. */
  some(most: number): Promise<Buffer | undefined>;
  /** How many of `size` bytes there were. */
  skip(size: number): Promise<number>;
}

export class StreamSource implements ByteSource {
  readonly #iterator: AsyncIterator<Buffer>;
  #rest = Buffer.alloc(0);
  #position = 0;

  constructor(stream: AsyncIterable<Buffer>) {
    this.#iterator = stream[Symbol.asyncIterator]();
  }

  get position(): number {
    return this.#position;
  }

  async some(most: number): Promise<Buffer | undefined> {
    while (this.#rest.length === 0) {
      const next = await this.#iterator.next();
      if (next.done) return undefined;
      this.#rest = next.value as Buffer<ArrayBuffer>;
    }
    const part = this.#rest.subarray(0, most);
    this.#rest = this.#rest.subarray(part.length);
    this.#position += part.length;
    return part;
  }

  async read(size: number): Promise<Buffer> {
    // Without a turn of the event loop for the usual case.
    if (this.#rest.length >= size) return (await this.some(size)) as Buffer;
    const parts: Buffer[] = [];
    for (let left = size; left > 0; ) {
      const part = await this.some(left);
      if (!part) break;
      parts.push(part);
      left -= part.length;
    }
    return Buffer.concat(parts);
  }

  async skip(size: number): Promise<number> {
    let left = size;
    while (left > 0) {
      const part = await this.some(left);
      if (!part) break;
      left -= part.length;
    }
    return size - left;
  }

  /** Ends the stream where it is. */
  async close(): Promise<void> {
    await this.#iterator.return?.();
  }
}

const chunkBytes = 256 * 1024;

export class FileSource implements ByteSource {
  readonly #fd: number;
  readonly #end: number;
  position: number;

  /** The bytes from `start` to `end` of a file, which stays the caller's. */
  constructor(fd: number, start: number, end: number) {
    this.#fd = fd;
    this.position = start;
    this.#end = end;
  }

  async some(most: number): Promise<Buffer | undefined> {
    const size = Math.min(most, chunkBytes, this.#end - this.position);
    if (size <= 0) return undefined;
    const bytes = Buffer.allocUnsafe(size);
    const count = readSync(this.#fd, bytes, 0, size, this.position);
    if (count === 0) return undefined;
    this.position += count;
    return bytes.subarray(0, count);
  }

  async read(size: number): Promise<Buffer> {
    const parts: Buffer[] = [];
    for (let left = size; left > 0; ) {
      const part = await this.some(left);
      if (!part) break;
      parts.push(part);
      left -= part.length;
    }
    return Buffer.concat(parts);
  }

  async skip(size: number): Promise<number> {
    const count = Math.max(0, Math.min(size, this.#end - this.position));
    this.position += count;
    return count;
  }

  /** All that is left, in chunks. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer> {
    for (;;) {
      const part = await this.some(chunkBytes);
      if (!part) return;
      yield part;
    }
  }
}
