/** The messages of native/abi/intercept.h: requests read and answers written, both in full. */
import { SandboxError } from './errors.js';

export const interceptMagic = 0x50544e49;
export const interceptVersion = 1;
export const interceptDataMost = 64 * 1024;
export const interceptStringMost = 4096;
export const interceptMessageMost = 96 * 1024;
/** In place of an argument's number: the address in sendmsg's header. */
export const interceptAddress = 6;
const mostParts = 6;
const requestSize = 208;
const answerSize = 112;
const partSize = 16;
const noOutput = 0xff;

export const partKinds = { string: 1, bytes: 2, strings: 3 } as const;
export const interceptActions = { allow: 0, deny: 1, value: 2, give: 3, fd: 4, kill: 5 } as const;
const cloexecFlag = 1;

/** native/monitor/table.h, in its order. */
export const argumentKinds = [
  'int',
  'uint',
  'long',
  'ulong',
  'hex',
  'addr',
  'pid',
  'id',
  'mode',
  'signal',
  'flags',
  'enum',
  'fd',
  'dirFd',
  'fdOrNone',
  'path',
  'str',
  'strv',
  'in',
  'out',
  'inOut',
  'outVlen',
  'inBuf',
  'outBuf',
  'inOutBuf',
  'inMsg',
  'outMsg',
  'inArray',
  'outArray',
  'inOutArray',
  'inIovec',
  'outIovec',
  'sigset',
  'outSigset',
  'range',
  'outPages',
] as const;
export type ArgumentKind = (typeof argumentKinds)[number];

export interface Part {
  argument: number;
  kind: 'string' | 'bytes' | 'strings';
  bytes: Buffer;
  /** There is more than `bytes`. */
  cut: boolean;
}

export interface Request {
  number: number;
  original: number;
  pid: number;
  tid: number;
  nonce: Buffer;
  arguments: { kind: ArgumentKind; value: bigint }[];
  parts: Part[];
  /** The argument that bytes can be given for, and how many; undefined when there is none. */
  output: { argument: number; room: number } | undefined;
}

export interface Answer {
  action: keyof typeof interceptActions;
  errno?: number;
  value?: bigint;
  cloexec?: boolean;
  /** By the number of the argument. */
  changed?: ReadonlyMap<number, bigint>;
  strings?: ReadonlyMap<number, Uint8Array>;
  bytes?: Uint8Array;
}

function wrong(what: string): SandboxError {
  return new SandboxError(
    'ERR_INTERCEPT',
    `A monitor asks about a call in a way that is not understood: ${what}`,
  );
}

function decodePart(message: Buffer, at: number): Part {
  const [argument, kind] = [message.readUInt16LE(at), message.readUInt16LE(at + 2)];
  const [offset, size] = [message.readUInt32LE(at + 4), message.readUInt32LE(at + 8)];
  const name = (Object.keys(partKinds) as Part['kind'][]).find((key) => partKinds[key] === kind);
  if (!name || argument > interceptAddress) throw wrong('a part is of no known kind');
  if (offset < requestSize || offset > message.length || size > message.length - offset) {
    throw wrong('a part lies outside');
  }
  return {
    argument,
    kind: name,
    bytes: message.subarray(offset, offset + size),
    cut: message.readUInt32LE(at + 12) > size,
  };
}

/** Throws ERR_INTERCEPT for what no monitor of this version sends. */
export function decodeRequest(message: Buffer): Request {
  if (message.length < requestSize) throw wrong('it is too short');
  if (message.readUInt32LE(0) !== interceptMagic || message.readUInt32LE(4) !== interceptVersion) {
    throw wrong('it is of another version');
  }
  if (message.readUInt32LE(8) !== message.length) throw wrong('its size is wrong');
  const parts = message.readUInt32LE(28);
  const count = message.readUInt8(102);
  const output = message.readUInt8(103);
  if (parts > mostParts || count > 6 || (output !== noOutput && output >= count))
    throw wrong('a count is wrong');
  return {
    number: message.readUInt32LE(12),
    original: message.readUInt32LE(16),
    pid: message.readInt32LE(20),
    tid: message.readInt32LE(24),
    nonce: message.subarray(32, 48),
    arguments: Array.from({ length: count }, (_, i) => {
      const kind = argumentKinds[message.readUInt8(96 + i)];
      if (!kind) throw wrong('an argument is of no known kind');
      return { kind, value: message.readBigUInt64LE(48 + i * 8) };
    }),
    parts: Array.from({ length: parts }, (_, i) => decodePart(message, 112 + i * partSize)),
    output: output === noOutput ? undefined : { argument: output, room: message.readUInt32LE(104) },
  };
}

const bits = (map: ReadonlyMap<number, unknown> | undefined): number =>
  [...(map?.keys() ?? [])].reduce((all, index) => all | (1 << index), 0);

/** Pre: what it says is right for the request; the monitor refuses the call otherwise. */
export function encodeAnswer(request: Request, answer: Answer): Buffer {
  const strings = [...(answer.strings ?? [])].sort(([a], [b]) => a - b);
  const data = answer.bytes ?? Buffer.concat(strings.flatMap(([, bytes]) => [bytes, Buffer.alloc(1)]));
  const head = Buffer.alloc(answerSize);
  head.writeUInt32LE(interceptMagic, 0);
  head.writeUInt32LE(interceptVersion, 4);
  head.writeUInt32LE(answerSize + data.length, 8);
  head.writeUInt32LE(interceptActions[answer.action], 12);
  head.set(request.nonce, 16);
  head.writeInt32LE(answer.errno ?? 0, 32);
  head.writeUInt32LE(answer.cloexec ? cloexecFlag : 0, 36);
  head.writeBigUInt64LE(answer.value ?? 0n, 40);
  head.writeUInt32LE(bits(answer.changed), 48);
  head.writeUInt32LE(bits(answer.strings), 52);
  for (const [index, value] of answer.changed ?? []) head.writeBigUInt64LE(value, 56 + index * 8);
  head.writeUInt32LE(data.length, 104);
  return Buffer.concat([head, data]);
}
