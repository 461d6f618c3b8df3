/** Writes the StartBlob of native/abi/start.h: what a monitor is told beside its argv and environment. */
import { SandboxError } from './errors.js';
import { StringTable } from './string-table.js';

export const startMagic = 0x4e435242;
export const startVersion = 3;
export const startBlobSize = 96;
export const startBlobMaximum = 64 * 1024;
export const startMaximumExtraFds = 1000;

export const startFlags = {
  trace: 1 << 0,
  selfTest: 1 << 1,
  forceUserEntry: 1 << 3,
  searchPath: 1 << 4,
  fileLimit: 1 << 5,
  showPolicy: 1 << 6,
  terminal: 1 << 8,
  ringOn: 1 << 9,
  ringAuto: 1 << 10,
  patchOn: 1 << 11,
  patchOff: 1 << 12,
  answersOn: 1 << 13,
  answersOff: 1 << 14,
} as const;

/** Numbers that the descriptors have in the started process. */
export const startFd = { kvm: 3, blob: 4, image: 5, firstExtra: 6 } as const;

export interface StartBlob {
  flags: number;
  extraFds: number;
  traceFd: number;
  reportFd: number;
  /** The guest's numbers of the extra descriptors, ascending; default: 3, 4, ... */
  numbers?: readonly number[] | undefined;
  /** 0: none. */
  policyFd?: number | undefined;
  /** Node's socket for the calls that it decides (native/abi/intercept.h), and which: 64 bytes; 0 and none: no calls. */
  interceptFd?: number | undefined;
  interceptCalls?: Uint8Array | undefined;
  /** Of createSharedMemory(countersSize); 0: none. */
  countersFd?: number | undefined;
  /** The number of the memory for events, with its eventfd on the next; 0: none. */
  eventsFd?: number | undefined;
  programId?: number | undefined;
  /** A number that the supervisor replaces by its socket for breaches of the monitor's filter; 0: none. */
  breachFd?: number | undefined;
  /** Of a memfd with native/abi/chaos.h; 0: none. */
  chaosFd?: number | undefined;
  /** The debugger's socket (native/abi/debug.h); 0: none. */
  debugFd?: number | undefined;
  program: string;
  cwd?: string | undefined;
  /** The number of the keeper's pidfd, with the sandbox's description on the next; 0: no sandbox. */
  sandboxFd?: number | undefined;
  /** The guest's RLIMIT_NOFILE; default: this process's. */
  fileLimit?: { soft: number; hard: number } | undefined;
}

export function encodeStartBlob(blob: StartBlob): Buffer {
  const strings = new StringTable(startBlobSize);
  const program = strings.place(blob.program);
  const cwd = blob.cwd === undefined ? 0 : strings.place(blob.cwd);
  const numbers = Buffer.alloc((blob.numbers?.length ?? 0) * 4);
  blob.numbers?.forEach((number, i) => {
    numbers.writeUInt32LE(number, i * 4);
  });
  const calls = blob.interceptCalls ?? Buffer.alloc(0);
  const padding = Buffer.alloc(numbers.length + calls.length > 0 ? -strings.size & 3 : 0);
  const tables = strings.size + padding.length;
  const size = tables + numbers.length + calls.length;
  if (size > startBlobMaximum) {
    throw new SandboxError(
      'ERR_INVALID_OPTION',
      'Cannot start a program: its path and working directory are too long',
      {
        path: 'argv[0]',
        value: blob.program,
        remedy: 'Use paths shorter than 4096 bytes.',
      },
    );
  }
  const head = Buffer.alloc(startBlobSize);
  head.writeUInt32LE(startMagic, 0);
  head.writeUInt32LE(startVersion, 4);
  head.writeUInt32LE(size, 8);
  head.writeUInt32LE(blob.flags | (blob.fileLimit ? startFlags.fileLimit : 0), 12);
  head.writeUInt32LE(blob.extraFds, 16);
  head.writeInt32LE(blob.traceFd, 20);
  head.writeInt32LE(blob.reportFd, 24);
  head.writeUInt32LE(program, 28);
  head.writeUInt32LE(cwd, 32);
  head.writeUInt32LE(blob.sandboxFd ?? 0, 36);
  head.writeUInt32LE(blob.fileLimit?.soft ?? 0, 40);
  head.writeUInt32LE(blob.fileLimit?.hard ?? 0, 44);
  head.writeUInt32LE(blob.policyFd ?? 0, 48);
  head.writeUInt32LE(numbers.length > 0 ? tables : 0, 52);
  head.writeUInt32LE(blob.interceptFd ?? 0, 64);
  head.writeUInt32LE(calls.length > 0 ? tables + numbers.length : 0, 68);
  head.writeUInt32LE(blob.countersFd ?? 0, 72);
  head.writeUInt32LE(blob.eventsFd ?? 0, 76);
  head.writeUInt32LE(blob.programId ?? 0, 80);
  head.writeUInt32LE(blob.breachFd ?? 0, 84);
  head.writeUInt32LE(blob.chaosFd ?? 0, 88);
  head.writeUInt32LE(blob.debugFd ?? 0, 92);
  return Buffer.concat([head, ...strings.parts, padding, numbers, calls], size);
}
