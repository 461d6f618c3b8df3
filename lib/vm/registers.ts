/** A thread's registers as native/abi/debug.h packs them, and the XSAVE area (SDM vol. 1, 13.4). Pure. */

export const generalNames = [
  'rax',
  'rbx',
  'rcx',
  'rdx',
  'rsi',
  'rdi',
  'rbp',
  'rsp',
  'r8',
  'r9',
  'r10',
  'r11',
  'r12',
  'r13',
  'r14',
  'r15',
  'rip',
  'rflags',
  'fsBase',
  'gsBase',
] as const;

export type RegisterName = (typeof generalNames)[number];
/** The integer registers, unsigned. */
export type Registers = Record<RegisterName, bigint>;

const size = 168;
const callAt = 160;
const noCall = 0xffff_ffff_ffff_ffffn;

/** `call`: the number of the system call that the thread is in. */
export function decodeRegisters(bytes: Buffer): { registers: Registers; call: number | undefined } {
  const registers = Object.fromEntries(
    generalNames.map((name, i) => [name, bytes.readBigUInt64LE(i * 8)]),
  ) as Registers;
  const call = bytes.readBigUInt64LE(callAt);
  return { registers, call: call === noCall ? undefined : Number(call) };
}

export function encodeRegisters(registers: Registers): Buffer {
  const bytes = Buffer.alloc(size);
  generalNames.forEach((name, i) => {
    bytes.writeBigUInt64LE(BigInt.asUintN(64, registers[name]), i * 8);
  });
  bytes.writeBigUInt64LE(noCall, callAt);
  return bytes;
}

/** Where the parts of an uncompacted XSAVE area lie. */
export const xsave = {
  fcw: 0,
  fsw: 2,
  ftw: 4,
  fop: 6,
  fip: 8,
  fdp: 16,
  mxcsr: 24,
  st: 32,
  xmm: 160,
  features: 512,
  /** On every processor with AVX; the area says nothing else. */
  ymmHigh: 576,
} as const;
export const feature = { x87: 1n, sse: 2n, avx: 4n } as const;
