/** What Node and the monitor of a debugged program say to each other: native/abi/debug.h. Pure. */

export const debugDataMost = 64 * 1024;
const magic = 0x47554244;
const commandSize = 40;
const messageSize = 48;
/** Of the longest message. */
export const debugMessageMost = messageSize + debugDataMost;

export const operation = {
  threads: 1,
  getRegisters: 2,
  setRegisters: 3,
  getState: 4,
  setState: 5,
  read: 6,
  write: 7,
  setBreakpoint: 8,
  clearBreakpoint: 9,
  resume: 10,
  interrupt: 11,
  calls: 12,
  finish: 13,
  trap: 14,
  cover: 15,
  covered: 16,
  mappings: 17,
  detach: 18,
} as const;
export type Operation = (typeof operation)[keyof typeof operation];

export const event = {
  started: 1,
  executed: 2,
  breakpoint: 3,
  stepped: 4,
  interrupted: 5,
  fault: 6,
  callEntry: 7,
  callReturn: 8,
  trapped: 9,
} as const;

export const access = { reads: 1, writes: 2, executes: 4 } as const;
/** What a thread does on a resumption. */
export const go = { stay: 0, run: 1, step: 2, stepOver: 3 } as const;
export type Go = (typeof go)[keyof typeof go];

export interface Command {
  operation: Operation;
  tid?: number | undefined;
  kinds?: number | undefined;
  address?: bigint | undefined;
  length?: bigint | undefined;
  data?: Uint8Array | undefined;
}

export interface Message {
  /** 0: an event. */
  id: number;
  /** An event, or the operation that this is the reply to. */
  kind: number;
  tid: number;
  error: number;
  a: bigint;
  b: bigint;
  c: bigint;
  data: Buffer;
}

export function encodeCommand(id: number, command: Command): Buffer {
  const data = command.data ?? new Uint8Array();
  const head = Buffer.alloc(commandSize);
  head.writeUInt32LE(magic, 0);
  head.writeUInt32LE(commandSize + data.length, 4);
  head.writeUInt32LE(id, 8);
  head.writeUInt32LE(command.operation, 12);
  head.writeInt32LE(command.tid ?? 0, 16);
  head.writeUInt32LE(command.kinds ?? 0, 20);
  head.writeBigUInt64LE(BigInt.asUintN(64, command.address ?? 0n), 24);
  head.writeBigUInt64LE(BigInt.asUintN(64, command.length ?? 0n), 32);
  return Buffer.concat([head, data]);
}

/** Null: nothing that a monitor sends. */
export function decodeMessage(bytes: Buffer): Message | null {
  if (bytes.length < messageSize || bytes.readUInt32LE(0) !== magic) return null;
  if (bytes.readUInt32LE(4) !== bytes.length) return null;
  return {
    id: bytes.readUInt32LE(8),
    kind: bytes.readUInt32LE(12),
    tid: bytes.readInt32LE(16),
    error: bytes.readInt32LE(20),
    a: bytes.readBigUInt64LE(24),
    b: bytes.readBigUInt64LE(32),
    c: bytes.readBigUInt64LE(40),
    data: bytes.subarray(messageSize),
  };
}

export interface Action {
  tid: number;
  go: Go;
  signal?: number | undefined;
}

export function encodeActions(actions: readonly Action[]): Buffer {
  const bytes = Buffer.alloc(actions.length * 16);
  actions.forEach((action, i) => {
    bytes.writeInt32LE(action.tid, i * 16);
    bytes.writeUInt32LE(action.go, i * 16 + 4);
    bytes.writeUInt32LE(action.signal ?? 0, i * 16 + 8);
  });
  return bytes;
}

/** DebugCalls: of the calls that stop before and behind. */
export function encodeCalls(entry: Iterable<number>, leave: Iterable<number>): Buffer {
  const bytes = Buffer.alloc(128);
  const set = (at: number, numbers: Iterable<number>): void => {
    for (const nr of numbers) bytes[at + (nr >> 3)] = (bytes[at + (nr >> 3)] as number) | (1 << (nr & 7));
  };
  set(0, entry);
  set(64, leave);
  return bytes;
}
