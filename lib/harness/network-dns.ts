/** The name server of a virtual network: RFC 1035's messages, and which synthetic address stands for which name. */
import { isIPv6 } from 'node:net';

export interface DnsQuestion {
  /** Without the dot at the end; bytes that are no printable ASCII as \DDD. */
  name: string;
  /** A, AAAA, TXT, ...; TYPEn for one without a name. */
  type: string;
}

/**
 * Addresses (A, AAAA), names (CNAME, NS, PTR), `10 mail.example` (MX) or texts (TXT); an empty list: the name has none of the type;
 * null: there is no such name; undefined: what the network answers by itself.
 */
export type DnsAnswer = readonly string[] | null | undefined;

const types: Record<string, number> = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  MX: 15,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  SVCB: 64,
  HTTPS: 65,
  ANY: 255,
};
const typeNames = new Map(Object.entries(types).map(([name, number]) => [number, name]));
const internet = 1;
const headSize = 12;
const secondsToLive = 60;
const noSuchName = 3;
const notImplemented = 4;
const serverFailure = 2;
const nameMost = 255;
const labelMost = 63;

export interface DnsQuery {
  question: DnsQuestion;
  /** Name, type and class as they came, for the answer. */
  bytes: Buffer;
  id: number;
  typeNumber: number;
  recursionDesired: boolean;
  /** Of another kind or class than what is answered. */
  foreign: boolean;
}

function labelText(label: Buffer): string {
  let text = '';
  for (const byte of label) {
    const character = String.fromCharCode(byte);
    if (character === '.' || character === '\\') text += `\\${character}`;
    else if (byte > 0x20 && byte < 0x7f) text += character;
    else text += `\\${byte.toString().padStart(3, '0')}`;
  }
  return text;
}

/** undefined: no question, or not exactly one. Compression has no use in a question, and is not followed. */
export function decodeQuery(message: Buffer): DnsQuery | undefined {
  if (message.length < headSize) return undefined;
  const bits = message.readUInt16BE(2);
  if ((bits & 0x8000) !== 0 || message.readUInt16BE(4) !== 1) return undefined;
  const labels: string[] = [];
  let at = headSize;
  for (;;) {
    const length = message[at];
    if (length === undefined || length > labelMost) return undefined;
    at += 1;
    if (length === 0) break;
    if (at + length > message.length || at + length - headSize > nameMost) return undefined;
    labels.push(labelText(message.subarray(at, at + length)));
    at += length;
  }
  if (at + 4 > message.length) return undefined;
  const typeNumber = message.readUInt16BE(at);
  return {
    question: { name: labels.join('.'), type: typeNames.get(typeNumber) ?? `TYPE${typeNumber}` },
    bytes: message.subarray(headSize, at + 4),
    id: message.readUInt16BE(0),
    typeNumber,
    recursionDesired: (bits & 0x0100) !== 0,
    foreign: (bits & 0x7800) !== 0 || message.readUInt16BE(at + 2) !== internet,
  };
}

/** Throws an Error that says what is wrong; a handler's doing. */
export function encodeName(name: string): Buffer {
  const parts: Buffer[] = [];
  for (const label of name.replace(/\.$/, '').split('.')) {
    const bytes = Buffer.from(label);
    if (bytes.length === 0 || bytes.length > labelMost) throw new Error(`${JSON.stringify(name)} is no name`);
    parts.push(Buffer.from([bytes.length]), bytes);
  }
  const encoded = Buffer.concat([...parts, Buffer.from([0])]);
  if (encoded.length > nameMost) throw new Error(`${JSON.stringify(name)} is too long for a name`);
  return encoded;
}

/** The 4 or 16 bytes of an address, or undefined. */
export function addressBytes(text: string): Uint8Array | undefined {
  const four = text.split('.');
  if (four.length === 4 && four.every((part) => /^\d{1,3}$/.test(part) && Number(part) < 256))
    return Uint8Array.from(four, Number);
  if (!isIPv6(text) || text.includes('%')) return undefined;
  const groups = new URL(`http://[${text}]`).hostname.slice(1, -1).split('::');
  const words = groups.map((part) =>
    part === '' ? [] : part.split(':').map((word) => Number.parseInt(word, 16)),
  );
  const [head = [], tail = []] = words;
  const all = [...head, ...Array<number>(8 - head.length - tail.length).fill(0), ...tail];
  return Uint8Array.from(all.flatMap((word) => [word >> 8, word & 255]));
}

function recordData(type: string, text: string): Buffer {
  const wrong = (): Error => new Error(`${JSON.stringify(text)} is no answer of type ${type}`);
  switch (type) {
    case 'A':
    case 'AAAA': {
      const bytes = addressBytes(text);
      if (bytes?.length !== (type === 'A' ? 4 : 16)) throw wrong();
      return Buffer.from(bytes);
    }
    case 'TXT': {
      const bytes = Buffer.from(text);
      const parts: Buffer[] = [];
      for (let i = 0; i < Math.max(1, bytes.length); i += 255) {
        const part = bytes.subarray(i, i + 255);
        parts.push(Buffer.from([part.length]), part);
      }
      return Buffer.concat(parts);
    }
    case 'CNAME':
    case 'NS':
    case 'PTR':
      return encodeName(text);
    case 'MX': {
      const [, preference, name] = /^(\d{1,5}) (\S+)$/.exec(text) ?? [];
      if (preference === undefined || name === undefined || Number(preference) > 65535) throw wrong();
      return Buffer.concat([
        Buffer.from([Number(preference) >> 8, Number(preference) & 255]),
        encodeName(name),
      ]);
    }
    default:
      throw new Error(`answers of type ${type} cannot be given`);
  }
}

/** Throws as recordData does. `answer` 'failure': the server cannot say. */
export function encodeAnswer(
  query: DnsQuery,
  answer: readonly string[] | null | 'failure',
  most: number,
): Buffer {
  const code = query.foreign
    ? notImplemented
    : answer === null
      ? noSuchName
      : answer === 'failure'
        ? serverFailure
        : 0;
  const records: Buffer[] = [];
  let size = headSize + query.bytes.length;
  let cut = false;
  for (const text of code === 0 ? (answer as readonly string[]) : []) {
    const data = recordData(query.question.type, text);
    const head = Buffer.alloc(12);
    head.writeUInt16BE(0xc000 | headSize, 0); // the question's name
    head.writeUInt16BE(query.typeNumber, 2);
    head.writeUInt16BE(internet, 4);
    head.writeUInt32BE(secondsToLive, 6);
    head.writeUInt16BE(data.length, 10);
    if (size + head.length + data.length > most) {
      cut = true;
      break;
    }
    records.push(head, data);
    size += head.length + data.length;
  }
  const head = Buffer.alloc(headSize);
  head.writeUInt16BE(query.id, 0);
  // A response, recursion available; TC where it is cut, so that the program asks again over TCP.
  head.writeUInt16BE(0x8080 | (query.recursionDesired ? 0x0100 : 0) | (cut ? 0x0200 : 0) | code, 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt16BE(records.length / 2, 6);
  return Buffer.concat([head, query.bytes, ...records]);
}

const mostHosts = 16_384;

/** Which address stands for which name. */
export class HostTable {
  readonly #numbers = new Map<string, number>();
  readonly #hosts = new Map<string, string>();

  /** Addresses of `name`, made on first use; undefined: there is no room for more names. */
  addresses(name: string): { a: string; aaaa: string } | undefined {
    const key = name.toLowerCase();
    let number = this.#numbers.get(key);
    if (number === undefined) {
      if (this.#numbers.size >= mostHosts) return undefined;
      number = this.#numbers.size + 2; // .1 is the sandbox itself
      this.#numbers.set(key, number);
    }
    const a = `198.18.${number >> 8}.${number & 255}`;
    const aaaa = `2001:db8::${number.toString(16)}`;
    this.learn(a, key);
    this.learn(aaaa, key);
    return { a, aaaa };
  }

  /** A handler's own answer. The name that was asked for last stands. */
  learn(address: string, name: string): void {
    if (this.#hosts.has(address) || this.#hosts.size < 2 * mostHosts) this.#hosts.set(address, name);
  }

  host(address: string): string | undefined {
    return this.#hosts.get(address);
  }
}
