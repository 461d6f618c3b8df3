/** What a sample writes: its beginning, and its lines. Both hold a bounded amount, however much comes. */
import { StringDecoder } from 'node:string_decoder';

/** The first bytes; the rest is counted. */
export class Head {
  readonly #most: number;
  readonly #chunks: Buffer[] = [];
  #kept = 0;
  #total = 0;

  constructor(most: number) {
    this.#most = most;
  }

  take(chunk: Buffer): void {
    this.#total += chunk.length;
    const part = chunk.subarray(0, this.#most - this.#kept);
    if (part.length === 0) return;
    this.#chunks.push(part);
    this.#kept += part.length;
  }

  bytes(): Buffer {
    return Buffer.concat(this.#chunks, this.#kept);
  }

  result(): { text: string; bytes: number; truncated: boolean } {
    return { text: this.bytes().toString('utf8'), bytes: this.#total, truncated: this.#total > this.#kept };
  }
}

const longestLine = 4096;

/** Calls `take` for each line; the end of a long one is thrown away. */
export class Lines {
  readonly #take: (line: string) => void;
  readonly #decoder = new StringDecoder('utf8');
  #line = '';

  constructor(take: (line: string) => void) {
    this.#take = take;
  }

  take(chunk: Buffer): void {
    const [first = '', ...rest] = this.#decoder.write(chunk).split('\n');
    this.#line = (this.#line + first).slice(0, longestLine);
    for (const line of rest) {
      this.#take(this.#line);
      this.#line = line.slice(0, longestLine);
    }
  }

  end(): void {
    if (this.#line !== '') this.#take(this.#line);
    this.#line = '';
  }
}
