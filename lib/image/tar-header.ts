/**
 * One block of a tar archive: POSIX ustar, GNU and the older kind; and the records of PAX headers.
 *
 * Names are bytes; they are kept as strings with one character for each (latin1), so that nothing is lost.
 */
import { invalid, show } from './errors.js';

export const blockSize = 512;

/** A header as it stands, before long names and records that came before it are applied. */
export interface RawHeader {
  name: string;
  linkName: string;
  type: string;
  size: number;
  mode: number;
  uid: number;
  gid: number;
  mtime: number;
  gnu: boolean;
}

/** Offset and size, ascending. */
export type Extents = [number, number][];

function text(block: Buffer, at: number, length: number): string {
  const end = block.indexOf(0, at);
  return block.toString('latin1', at, end === -1 || end > at + length ? at + length : end);
}

/** Octal digits, or with the top bit set a binary number (GNU, for what octal digits cannot say). */
function number(block: Buffer, at: number, length: number, what: string): number {
  const first = block[at] as number;
  if (first & 0x80) {
    const negative = first === 0xff;
    if (!negative && first !== 0x80) throw invalid(`the ${what} of an archive's entry is out of range`);
    let value = 0;
    for (let i = at + 1; i < at + length; i++)
      value = value * 256 + (negative ? 255 - (block[i] as number) : (block[i] as number));
    if (!Number.isSafeInteger(value)) throw invalid(`the ${what} of an archive's entry is out of range`);
    return negative ? -1 - value : value;
  }
  const digits = text(block, at, length).trim();
  if (!/^[0-7]*$/.test(digits))
    throw invalid(`the ${what} of an archive's entry is no number: ${show(digits)}`);
  return digits === '' ? 0 : Number.parseInt(digits, 8);
}

/** Old programs have summed the bytes as signed ones. */
function hasRightSum(block: Buffer): boolean {
  let unsigned = 0;
  let signed = 0;
  for (let i = 0; i < blockSize; i++) {
    const byte = i >= 148 && i < 156 ? 0x20 : (block[i] as number);
    unsigned += byte;
    signed += byte < 128 ? byte : byte - 256;
  }
  const sum = number(block, 148, 8, 'checksum');
  return sum === unsigned || sum === signed;
}

export const isZero = (block: Buffer): boolean => block.every((byte) => byte === 0);

/** Throws ERR_IMAGE_INVALID. Pre: 512 bytes that are not all zero. */
export function parseHeader(block: Buffer): RawHeader {
  if (!hasRightSum(block)) throw invalid("an archive's entry has a wrong checksum");
  const magic = block.toString('latin1', 257, 265);
  const gnu = magic === 'ustar  \0';
  const posix = magic.startsWith('ustar\0');
  const prefix = posix ? text(block, 345, 155) : '';
  const name = text(block, 0, 100);
  const size = number(block, 124, 12, 'size');
  if (size < 0) throw invalid("an archive's entry has a negative size");
  return {
    name: prefix === '' ? name : `${prefix}/${name}`,
    linkName: text(block, 157, 100),
    type: String.fromCharCode(block[156] as number),
    size,
    mode: number(block, 100, 8, 'mode') & 0o7777,
    uid: number(block, 108, 8, 'owner'),
    gid: number(block, 116, 8, 'group'),
    mtime: number(block, 136, 12, 'time'),
    gnu,
  };
}

/** The records of a PAX header: "LENGTH KEY=VALUE\n" each. Throws ERR_IMAGE_INVALID. */
export function parseRecords(bytes: Buffer): [key: string, value: string][] {
  const records: [string, string][] = [];
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(0x20, at);
    const digits = space === -1 || space - at > 10 ? '' : bytes.toString('latin1', at, space);
    const length = /^[1-9]\d*$/.test(digits) ? Number(digits) : 0;
    const end = at + length;
    const equals = bytes.indexOf(0x3d, at);
    if (length === 0 || end > bytes.length || bytes[end - 1] !== 0x0a || equals === -1 || equals >= end)
      throw invalid("an archive's extended header is malformed");
    records.push([
      bytes.toString('latin1', space + 1, equals),
      bytes.toString('latin1', equals + 1, end - 1),
    ]);
    at = end;
  }
  return records;
}

/** Of the old GNU kind of sparse file: from `count` slots at `at`, until an empty one. */
function slots(block: Buffer, at: number, count: number, extents: Extents): void {
  for (let i = 0; i < count; i++, at += 24) {
    if (block[at] === 0) return;
    extents.push([number(block, at, 12, 'map'), number(block, at + 12, 12, 'map')]);
  }
}

export function sparseHeader(block: Buffer): { extents: Extents; realSize: number; more: boolean } {
  const extents: Extents = [];
  slots(block, 386, 4, extents);
  return { extents, realSize: number(block, 483, 12, 'size'), more: block[482] === 1 };
}

/** Adds to `extents`; is there one more block? */
export function sparseExtension(block: Buffer, extents: Extents): boolean {
  slots(block, 0, 21, extents);
  return block[504] === 1;
}
