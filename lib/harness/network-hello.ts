/** The first bytes of a connection: which protocol they begin, and which host a TLS client names (RFC 8446, RFC 6066). */

export type Beginning =
  /** Too few bytes to say. */
  { kind: 'more' } | { kind: 'http' } | { kind: 'tls'; host: string | undefined } | { kind: 'other' };

/** Longer first messages are of no known kind. */
export const beginningMost = 17 * 1024;
const handshakeRecord = 22;
const clientHello = 1;
const serverName = 0;
const recordMost = 16_640;

/** Reads big-endian numbers and vectors; throws RangeError beyond the end. */
class Reader {
  readonly #bytes: Buffer;
  #at = 0;
  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }
  number(size: number): number {
    const value = this.#bytes.readUIntBE(this.#at, size);
    this.#at += size;
    return value;
  }
  skip(size: number): void {
    this.#at += size;
  }
  vector(lengthSize: number): Buffer {
    const length = this.number(lengthSize);
    if (this.#at + length > this.#bytes.length) throw new RangeError('a vector is longer than its message');
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }
  get done(): boolean {
    return this.#at >= this.#bytes.length;
  }
}

/** Of the ClientHello `message`, without its header. */
function namedHost(message: Buffer): string | undefined {
  try {
    const hello = new Reader(message);
    hello.skip(2 + 32); // version, random
    hello.vector(1); // session
    hello.vector(2); // cipher suites
    hello.vector(1); // compression
    const extensions = new Reader(hello.vector(2));
    while (!extensions.done) {
      const type = extensions.number(2);
      const body = extensions.vector(2);
      if (type !== serverName) continue;
      const names = new Reader(new Reader(body).vector(2));
      while (!names.done) {
        const kind = names.number(1);
        const name = names.vector(2).toString('latin1');
        if (kind === 0) return name;
      }
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
  return undefined;
}

function tlsBeginning(bytes: Buffer): Beginning {
  const parts: Buffer[] = [];
  let have = 0;
  let wanted = Number.POSITIVE_INFINITY;
  for (let at = 0; at + 5 <= bytes.length; ) {
    const length = bytes.readUInt16BE(at + 3);
    if (bytes[at] !== handshakeRecord || bytes[at + 1] !== 3 || length < 4 || length > recordMost)
      return at === 0 ? { kind: 'other' } : { kind: 'tls', host: undefined };
    const part = bytes.subarray(at + 5, at + 5 + length);
    if (at === 0 && part.length >= 4) {
      if (part[0] !== clientHello) return { kind: 'other' };
      wanted = 4 + part.readUIntBE(1, 3);
    }
    parts.push(part);
    have += part.length;
    at += 5 + length;
  }
  if (have >= wanted) return { kind: 'tls', host: namedHost(Buffer.concat(parts).subarray(4, wanted)) };
  return bytes.length >= beginningMost ? { kind: 'tls', host: undefined } : { kind: 'more' };
}

export function beginningOf(bytes: Buffer): Beginning {
  if (bytes.length === 0) return { kind: 'more' };
  if (bytes[0] === handshakeRecord && (bytes.length < 2 || bytes[1] === 3)) return tlsBeginning(bytes);
  const text = bytes.toString('latin1', 0, 24);
  if (/^[A-Z][A-Z-]{2,19} /.test(text)) return { kind: 'http' };
  return /^[A-Z][A-Z-]{0,19}$/.test(text) ? { kind: 'more' } : { kind: 'other' };
}
