/** The packets of native/abi/files.h. */

export const filesMessageMost = 65_536;
export const notRegular = 4096;

export const fileOperations = {
  open: 1,
  status: 2,
  openFolder: 3,
  readFolder: 4,
  closeFolder: 5,
  makeFolder: 6,
  remove: 7,
  rename: 8,
  readLink: 9,
  link: 10,
  watch: 11,
  unwatch: 12,
  nextEvents: 13,
} as const;

export const fileFlags = {
  read: 1 << 0,
  write: 1 << 1,
  create: 1 << 2,
  exclusive: 1 << 3,
  truncate: 1 << 4,
  append: 1 << 5,
  noFollow: 1 << 6,
  recursive: 1 << 7,
} as const;

export interface FileRequest {
  operation: keyof typeof fileOperations;
  path?: Uint8Array;
  second?: Uint8Array;
  flags?: number;
  mode?: number;
  value?: bigint;
}

export const fileRequestSize = 24;
export const fileAnswerSize = 16;
export const fileStatusSize = 64;

const end = Buffer.alloc(1);

export function encodeFileRequest(id: number, request: FileRequest): Buffer {
  const head = Buffer.alloc(fileRequestSize);
  head.writeUInt32LE(id, 0);
  head.writeUInt32LE(fileOperations[request.operation], 4);
  head.writeUInt32LE(request.flags ?? 0, 8);
  head.writeUInt32LE(request.mode ?? 0, 12);
  head.writeBigUInt64LE(request.value ?? 0n, 16);
  return Buffer.concat([head, request.path ?? end.subarray(1), end, request.second ?? end.subarray(1), end]);
}

export interface FileAnswer {
  id: number;
  /** A positive errno, or 0. */
  error: number;
  value: bigint;
  payload: Buffer;
}

export function decodeFileAnswer(bytes: Buffer): FileAnswer | undefined {
  if (bytes.length < fileAnswerSize) return undefined;
  return {
    id: bytes.readUInt32LE(0),
    error: bytes.readUInt32LE(4),
    value: bytes.readBigUInt64LE(8),
    payload: bytes.subarray(fileAnswerSize),
  };
}

export type FileType = 'file' | 'directory' | 'link' | 'pipe' | 'socket' | 'character' | 'block' | 'unknown';

/** By the upper bits of a mode, as in <sys/stat.h>, and DT_ of readdir(3). */
const types: Record<number, FileType> = {
  1: 'pipe',
  2: 'character',
  4: 'directory',
  6: 'block',
  8: 'file',
  10: 'link',
  12: 'socket',
};

export interface FileStat {
  type: FileType;
  /** Permissions and special bits. */
  mode: number;
  size: number;
  links: number;
  uid: number;
  gid: number;
  inode: bigint;
  accessed: Date;
  modified: Date;
  changed: Date;
  created: Date;
}

/** Undefined for bytes that are none. */
export function decodeFileStat(bytes: Buffer): FileStat | undefined {
  if (bytes.length !== fileStatusSize) return undefined;
  const mode = bytes.readUInt32LE(0);
  const time = (at: number): Date => new Date(Number(bytes.readBigInt64LE(at) / 1_000_000n));
  return {
    type: types[mode >> 12] ?? 'unknown',
    mode: mode & 0o7777,
    links: bytes.readUInt32LE(4),
    uid: bytes.readUInt32LE(8),
    gid: bytes.readUInt32LE(12),
    size: Number(bytes.readBigUInt64LE(16)),
    inode: bytes.readBigUInt64LE(24),
    accessed: time(32),
    modified: time(40),
    changed: time(48),
    created: time(56),
  };
}

/** {u8 type, name, NUL}..., at least one; undefined for bytes that are none. */
export function decodeEntries(bytes: Buffer): { type: FileType; name: Buffer }[] | undefined {
  const entries: { type: FileType; name: Buffer }[] = [];
  for (let at = 0; at < bytes.length; ) {
    const stop = bytes.indexOf(0, at + 1);
    if (stop <= at + 1) return undefined;
    entries.push({
      type: types[bytes[at] as number] ?? 'unknown',
      name: Buffer.from(bytes.subarray(at + 1, stop)),
    });
    at = stop + 1;
  }
  return entries.length > 0 ? entries : undefined;
}

export interface RawEvent {
  watch: number;
  mask: number;
  name: Buffer;
}

/** struct inotify_event... */
export function decodeEvents(bytes: Buffer): RawEvent[] {
  const events: RawEvent[] = [];
  for (let at = 0; at + 16 <= bytes.length; ) {
    const length = bytes.readUInt32LE(at + 12);
    const name = bytes.subarray(at + 16, at + 16 + length);
    const stop = name.indexOf(0);
    events.push({
      watch: bytes.readInt32LE(at),
      mask: bytes.readUInt32LE(at + 4),
      name: Buffer.from(stop === -1 ? name : name.subarray(0, stop)),
    });
    at += 16 + length;
  }
  return events;
}
