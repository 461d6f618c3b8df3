/** Collects a stream's bytes up to a limit. */
import type { Readable } from 'node:stream';

export class Capture {
  /** There was more than the limit. */
  truncated = false;
  /** Bytes that came, those beyond the limit included. */
  received = 0;
  /** Resolves when the stream has ended or was destroyed; never rejects. */
  readonly done: Promise<void>;
  readonly #chunks: Buffer[] = [];

  constructor(stream: Readable, limit: number, overflow: () => void) {
    // A stream that nothing was written to ends by itself, perhaps before anybody listens.
    this.done = stream.closed ? Promise.resolve() : new Promise((resolve) => stream.once('close', resolve));
    stream.on('error', () => {}); // 'close' follows
    stream.on('data', (chunk: Buffer) => {
      const room = limit - this.received;
      this.received += chunk.length;
      if (room > 0) this.#chunks.push(chunk.length > room ? chunk.subarray(0, room) : chunk);
      if (chunk.length <= room || this.truncated) return;
      this.truncated = true;
      overflow();
    });
  }

  bytes(): Buffer {
    return Buffer.concat(this.#chunks);
  }
}
