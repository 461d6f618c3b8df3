/**
 * Reads the records of native/abi/events.h. They come from a private copy, but whoever wrote them may have been taken over: every
 * length and type is checked, and a record that is not right is none.
 */
import { constants } from 'node:os';
import type { CallDetails, EventAddress, EventArgument, EventBase, SandboxEvent } from './event-types.js';
import { quoted } from './printable.js';
import { signalName } from './signals.js';
import { type Syscall, syscalls } from './syscalls.js';

const recordSize = 104;
const pieceSize = 8;
const kinds = { call: 1, exec: 2, fork: 3, exit: 4, fault: 5, signal: 6, limit: 7, injection: 8 } as const;
const verdicts = ['allow', 'log', 'refuse', 'filter', 'deny', 'kill'] as const;
const limits = [undefined, 'files', 'processes', 'memory', 'fileSize'] as const;
const injections = [undefined, 'fail', 'shorten', 'delay'] as const;
const flags = { noResult: 1, interrupted: 2, first: 4, givesAddress: 8 } as const;
const pieceTypes = { text: 1, string: 2, strings: 3, address: 4 } as const;

let byNumber: Map<number, Syscall> | undefined;
let errnoNames: Map<number, string> | undefined;

function callOf(number: number): Syscall | undefined {
  byNumber ??= new Map([...syscalls().values()].map((call) => [call.number, call]));
  return byNumber.get(number);
}

export function errnoName(errno: number): string {
  errnoNames ??= new Map(Object.entries(constants.errno).map(([name, value]) => [value, name]));
  return errnoNames.get(errno) ?? `errno ${errno}`;
}

/** A part of a decoded event that the caller may drop: which record it was. */
export class MalformedRecord extends Error {}

function must(condition: boolean, what: string): asserts condition {
  if (!condition) throw new MalformedRecord(what);
}

interface Piece {
  index: number;
  type: number;
  truncated: boolean;
  bytes: Buffer;
}

function piecesOf(bytes: Buffer): Piece[] {
  const pieces: Piece[] = [];
  let at = recordSize;
  for (let left = bytes.readUInt8(7); left > 0; left--) {
    must(at + pieceSize <= bytes.length, 'a piece past the end');
    const length = bytes.readUInt16LE(at + 4);
    const from = at + pieceSize;
    must(from + length <= bytes.length, 'a piece that is too long');
    const piece = {
      index: bytes.readUInt8(at),
      type: bytes.readUInt8(at + 1),
      truncated: bytes.readUInt8(at + 2) !== 0,
      bytes: bytes.subarray(from, from + length),
    };
    must(
      piece.index < 6 && piece.type >= pieceTypes.text && piece.type <= pieceTypes.address,
      'a wrong piece',
    );
    pieces.push(piece);
    at = (from + length + 3) & ~3;
  }
  return pieces;
}

function stringsOf({ bytes }: Piece): Buffer[] {
  const strings: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = bytes.indexOf(0, at);
    must(end !== -1, 'a string without an end');
    strings.push(bytes.subarray(at, end));
    at = end + 1;
  }
  return strings;
}

/** struct sockaddr: man 7 unix, ip, ipv6. */
export function socketAddress(bytes: Buffer): EventAddress {
  const family = bytes.length >= 2 ? bytes.readUInt16LE(0) : 0;
  if (family === 1) {
    const path = bytes.subarray(2);
    const abstract = path.length > 0 && path[0] === 0;
    const end = path.indexOf(0);
    const name = abstract ? path.subarray(1) : end === -1 ? path : path.subarray(0, end);
    return { family: 'AF_UNIX', path: name.toString('utf8'), abstract };
  }
  if (family === 2 && bytes.length >= 8)
    return { family: 'AF_INET', address: [...bytes.subarray(4, 8)].join('.'), port: bytes.readUInt16BE(2) };
  if (family === 10 && bytes.length >= 24)
    return { family: 'AF_INET6', address: ipv6(bytes.subarray(8, 24)), port: bytes.readUInt16BE(2) };
  const names: Record<number, string> = { 0: 'UNSPEC', 2: 'INET', 10: 'INET6', 16: 'NETLINK', 17: 'PACKET' };
  return { family: `AF_${names[family] ?? family}` };
}

function ipv6(bytes: Buffer): string {
  const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(2 * i).toString(16));
  // The longest run of zeros, of two at least (RFC 5952 section 4.2).
  let best = { at: -1, length: 1 };
  for (let at = 0; at < 8; at++) {
    let length = 0;
    while (at + length < 8 && groups[at + length] === '0') length++;
    if (length > best.length) best = { at, length };
  }
  if (best.at === -1) return groups.join(':');
  return `${groups.slice(0, best.at).join(':')}::${groups.slice(best.at + best.length).join(':')}`;
}

function addressText(address: EventAddress): string {
  if ('port' in address)
    return `{sa_family=${address.family}, port=${address.port}, addr=${address.address}}`;
  if ('path' in address)
    return `{sa_family=AF_UNIX, sun_path=${address.abstract ? '@' : ''}${quoted(Buffer.from(address.path))}}`;
  return `{sa_family=${address.family}}`;
}

function ascii(bytes: Buffer): string {
  must(
    bytes.every((byte) => byte >= 0x20 && byte < 0x7f),
    'a text that is not printable',
  );
  return bytes.toString('latin1');
}

function argumentOf(name: string, value: bigint, piece: Piece | undefined): EventArgument {
  const hexadecimal = `0x${value.toString(16)}`;
  if (!piece) return { name, value, text: value === 0n ? 'NULL' : hexadecimal };
  const more = piece.truncated ? '...' : '';
  const truncated = piece.truncated ? { truncated: true as const } : {};
  switch (piece.type) {
    case pieceTypes.string: {
      const text = quoted(piece.bytes) + more;
      return { name, value, text, string: piece.bytes.toString('utf8'), ...truncated };
    }
    case pieceTypes.strings: {
      const strings = stringsOf(piece);
      const text = `[${[...strings.map(quoted), ...(more ? [more] : [])].join(', ')}]`;
      return { name, value, text, strings: strings.map((bytes) => bytes.toString('utf8')), ...truncated };
    }
    case pieceTypes.address: {
      const address = socketAddress(piece.bytes);
      return { name, value, text: addressText(address), address, ...truncated };
    }
    default:
      return { name, value, text: ascii(piece.bytes) + more, ...truncated };
  }
}

function callDetails(bytes: Buffer, base: EventBase, argument: bigint[]): CallDetails {
  const number = bytes.readUInt32LE(44);
  const call = callOf(number);
  const syscall: CallDetails['syscall'] = call?.name ?? `syscall_0x${number.toString(16)}`;
  const names = call?.arguments ?? ['arg0', 'arg1', 'arg2', 'arg3', 'arg4', 'arg5'];
  const pieces = piecesOf(bytes);
  // Arguments that the call does not use have no piece: the last ones.
  const used = call ? Math.max(-1, ...pieces.map(({ index }) => index)) + 1 : 6;
  const args = names.slice(0, used).map((name, i) =>
    argumentOf(
      name,
      argument[i] as bigint,
      pieces.find(({ index }) => index === i),
    ),
  );
  const flag = bytes.readUInt8(6);
  const verdict = verdicts[bytes.readUInt8(5)];
  must(verdict !== undefined, 'a wrong verdict');
  const raw = bytes.readBigInt64LE(96);
  const interrupted = (flag & flags.interrupted) !== 0;
  const returned = !interrupted && (flag & flags.noResult) === 0;
  const failed = returned && raw < 0n && raw >= -4095n;
  const errno = failed ? errnoName(Number(-raw)) : undefined;
  const result = returned && !failed ? BigInt.asUintN(64, raw) : undefined;
  const shownResult =
    result === undefined
      ? (errno ?? '?')
      : flag & flags.givesAddress
        ? `0x${result.toString(16)}`
        : BigInt.asIntN(64, result).toString();
  const text = `${syscall}(${args.map((a) => a.text).join(', ')}) = ${failed ? `-1 ${shownResult}` : shownResult}`;
  return { ...base, syscall, number, arguments: args, verdict, result, errno, interrupted, text };
}

function injection(bytes: Buffer, base: EventBase, argument: readonly bigint[]): SandboxEvent {
  const [rule, what, count, given, made] = argument.map(Number) as [number, number, number, number, number];
  const action = injections[what];
  const call = callOf(bytes.readUInt32LE(44));
  must(action !== undefined && call !== undefined, 'a wrong injection');
  const task = (argument[5] as bigint).toString(16).padStart(16, '0');
  const event = { kind: 'injection' as const, ...base, syscall: call.name, task, rule, count, action };
  if (action === 'fail') return { ...event, errno: errnoName(given) };
  return action === 'delay' ? { ...event, ms: given / 1e6 } : { ...event, asked: given, made };
}

/** Of a whole record: `bytes.length` is its size. Throws MalformedRecord. */
export function decodeRecord(bytes: Buffer): SandboxEvent {
  must(bytes.length >= recordSize, 'a record that is too short');
  const flag = bytes.readUInt8(6);
  const base: EventBase = {
    sequence: Number(bytes.readBigUInt64LE(16)),
    time: Number(bytes.readBigUInt64LE(24)) / 1000,
    pid: bytes.readInt32LE(32),
    tid: bytes.readInt32LE(36),
    program: bytes.readUInt32LE(40),
    first: (flag & flags.first) !== 0,
  };
  const argument = Array.from({ length: 6 }, (_, i) => bytes.readBigUInt64LE(48 + 8 * i));
  const at = (i: number): number => Number(BigInt.asIntN(32, argument[i] as bigint));
  const signalAt = (i: number): string => {
    must(at(i) >= 1 && at(i) <= 64, 'a wrong signal');
    return signalName(at(i));
  };
  switch (bytes.readUInt8(4)) {
    case kinds.call: {
      const details = callDetails(bytes, base, argument);
      return { kind: 'syscall', ...details };
    }
    case kinds.exec: {
      const [path, argv] = [0, 1].map((index) => piecesOf(bytes).find((piece) => piece.index === index));
      must(
        path?.type === pieceTypes.string && argv?.type === pieceTypes.strings,
        'an exec without a program',
      );
      return {
        kind: 'exec',
        ...base,
        path: path.bytes.toString('utf8'),
        argv: stringsOf(argv).map((text) => text.toString('utf8')),
        truncated: path.truncated || argv.truncated,
      };
    }
    case kinds.fork:
      return { kind: 'fork', ...base, child: at(0), thread: argument[1] !== 0n };
    case kinds.exit: {
      const signal = argument[1] === 0n ? null : signalAt(1);
      return { kind: 'exit', ...base, exitCode: signal === null ? at(0) & 0xff : null, signal };
    }
    case kinds.fault:
      return {
        kind: 'fault',
        ...base,
        signal: signalAt(0),
        code: at(1),
        address: argument[2] as bigint,
        instruction: argument[3] as bigint,
        vector: at(4),
        errorCode: argument[5] as bigint,
      };
    case kinds.signal: {
      const sender = argument[2] === 0n ? undefined : { pid: at(2), uid: Number(argument[3]) };
      return { kind: 'signal', ...base, signal: signalAt(0), code: at(1), sender };
    }
    case kinds.limit: {
      const limit = limits[at(0)];
      must(limit !== undefined, 'a wrong limit');
      const call = callOf(bytes.readUInt32LE(44));
      const errno = errnoName(Number(-bytes.readBigInt64LE(96)));
      return { kind: 'limit', ...base, limit, errno, ...(call ? { syscall: call.name } : {}) };
    }
    case kinds.injection:
      return injection(bytes, base, argument);
    default:
      throw new MalformedRecord('a wrong kind');
  }
}
