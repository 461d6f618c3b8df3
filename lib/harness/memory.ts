/**
 * Memory that calls make executable, and whether the sample could write it before.
 *
 * What is known to be clean is what mmap(2) gave without PROT_WRITE and nothing made writable since. All other memory counts as
 * written: also what the kernel itself maps (stack, heap, a program's data), which no call shows. Where there is too much to
 * remember, less is known to be clean.
 */
import type { ForkEvent, SyscallEvent } from '../event-types.js';
import type { VerdictExecutable } from './verdict.js';

const prot = { write: 2, execute: 4 } as const;
const mapAnonymous = 0x20;
const shm = { readOnly: 0o10000, execute: 0o100000 } as const;
const open = { mask: 3, create: 0o100 } as const;
const pageSize = 4096;
const mostRanges = 512;
const mostDescriptors = 1024;
const mostProcesses = 1000;
const mostNames = 10_000;
const mostEntries = 1000;

/** The calls that it has to see. */
export const memoryCalls = [
  'mmap',
  'mprotect',
  'pkey_mprotect',
  'munmap',
  'mremap',
  'shmat',
  'memfd_create',
  'open',
  'openat',
  'openat2',
  'creat',
  'close',
] as const;

interface Range {
  start: number;
  end: number;
  anonymous: boolean;
}

interface ProcessMemory {
  clean: Range[];
  /** Descriptors by which the sample can write, or of files that it has written. */
  written: Set<number>;
}

/** Addresses and sizes, exact up to 2^53; what is above is none of a program's. */
const argument = (event: SyscallEvent, index: number): number => Number(event.arguments[index]?.value ?? 0n);
const result = (event: SyscallEvent): number | undefined =>
  event.result === undefined ? undefined : Number(event.result);
const number = (event: SyscallEvent, index: number): number =>
  Number(BigInt.asIntN(32, event.arguments[index]?.value ?? 0n));
const roundUp = (size: number): number => Math.ceil(size / pageSize) * pageSize;

export class MemoryTracker {
  readonly #processes = new Map<number, ProcessMemory>();
  readonly #writtenNames = new Set<string>();
  readonly #entries = new Map<string, VerdictExecutable>();
  omitted = 0;

  fork({ pid, child, thread }: ForkEvent): void {
    if (thread || this.#processes.has(child)) return;
    const { clean, written } = this.#state(pid);
    this.#add(child, { clean: [...clean], written: new Set(written) });
  }

  exec(pid: number): void {
    const state = this.#state(pid);
    state.clean = [];
  }

  end(pid: number): void {
    this.#processes.delete(pid);
  }

  take(event: SyscallEvent, atMs: number): void {
    const state = this.#state(event.pid);
    const failed = event.errno !== undefined;
    switch (event.syscall) {
      case 'mmap':
        this.#map(event, state, atMs);
        break;
      case 'mprotect':
      case 'pkey_mprotect':
        this.#protect(event, event.syscall, state, atMs);
        break;
      case 'munmap':
        if (!failed) forget(state, argument(event, 0), argument(event, 1));
        break;
      case 'mremap':
        if (!failed) {
          forget(state, argument(event, 0), argument(event, 1));
          forget(state, result(event) ?? 0, argument(event, 2));
        }
        break;
      case 'shmat': {
        const flags = number(event, 2);
        if (!(flags & shm.execute)) break;
        const writable = !(flags & shm.readOnly);
        this.#found(event, 'shmat', { bytes: 0, writable, anonymous: true }, atMs);
        break;
      }
      case 'memfd_create':
        if (!failed) this.#opened(state, event);
        break;
      case 'close':
        if (!failed) state.written.delete(number(event, 0));
        break;
      case 'open':
      case 'openat':
      case 'openat2':
      case 'creat':
        if (!failed) this.#open(event, state);
        break;
      default:
    }
  }

  #open(event: SyscallEvent, state: ProcessMemory): void {
    const relative = event.syscall === 'openat' || event.syscall === 'openat2';
    const name = event.arguments[relative ? 1 : 0]?.string;
    // openat2's flags are in a structure, which is not shown.
    const flags =
      event.syscall === 'openat' ? number(event, 2) : event.syscall === 'open' ? number(event, 1) : 1;
    const writes = (flags & open.mask) !== 0 || (flags & open.create) !== 0;
    if (writes && name !== undefined && this.#writtenNames.size < mostNames) this.#writtenNames.add(name);
    if (writes || (name !== undefined && this.#writtenNames.has(name))) this.#opened(state, event);
    else state.written.delete(Number(event.result));
  }

  #opened(state: ProcessMemory, event: SyscallEvent): void {
    if (event.result !== undefined && state.written.size < mostDescriptors)
      state.written.add(Number(event.result));
  }

  #map(event: SyscallEvent, state: ProcessMemory, atMs: number): void {
    const size = roundUp(argument(event, 1));
    const access = number(event, 2);
    const anonymous = (number(event, 3) & mapAnonymous) !== 0;
    const isWritable = (access & prot.write) !== 0;
    const mapped = result(event);
    if (mapped !== undefined) {
      forget(state, mapped, size);
      if (!isWritable) state.clean.push({ start: mapped, end: mapped + size, anonymous });
      if (state.clean.length > mostRanges) state.clean.shift();
    }
    if (!(access & prot.execute)) return;
    const writable = isWritable || (!anonymous && state.written.has(number(event, 4)));
    this.#found(event, 'mmap', { bytes: size, writable, anonymous, address: mapped }, atMs);
  }

  #protect(
    event: SyscallEvent,
    call: 'mprotect' | 'pkey_mprotect',
    state: ProcessMemory,
    atMs: number,
  ): void {
    const start = argument(event, 0);
    const size = roundUp(argument(event, 1));
    const access = number(event, 2);
    const clean = state.clean.find((range) => range.start <= start && start + size <= range.end);
    const isWritable = (access & prot.write) !== 0;
    if (access & prot.execute && size > 0)
      this.#found(
        event,
        call,
        { bytes: size, writable: isWritable || !clean, anonymous: clean?.anonymous ?? true, address: start },
        atMs,
      );
    if (isWritable && event.errno === undefined) forget(state, start, size);
  }

  #found(
    event: SyscallEvent,
    syscall: VerdictExecutable['syscall'],
    what: { bytes: number; writable: boolean; anonymous: boolean; address?: number | undefined },
    atMs: number,
  ): void {
    const { errno, pid } = event;
    const { bytes, writable, anonymous } = what;
    const key = [syscall, bytes, writable, anonymous, errno].join(' ');
    const known = this.#entries.get(key);
    if (known) {
      known.count++;
      return;
    }
    if (this.#entries.size >= mostEntries) {
      this.omitted++;
      return;
    }
    const at = errno === undefined ? (what.address ?? result(event)) : undefined;
    const address = at === undefined ? undefined : `0x${at.toString(16)}`;
    this.#entries.set(key, { syscall, address, bytes, writable, anonymous, errno, pid, atMs, count: 1 });
  }

  #state(pid: number): ProcessMemory {
    return this.#processes.get(pid) ?? this.#add(pid, { clean: [], written: new Set() });
  }

  #add(pid: number, state: ProcessMemory): ProcessMemory {
    if (this.#processes.size >= mostProcesses) {
      // The one that has been there longest; of a killed one nobody tells.
      const [oldest] = this.#processes.keys();
      if (oldest !== undefined) this.#processes.delete(oldest);
    }
    this.#processes.set(pid, state);
    return state;
  }

  get executable(): VerdictExecutable[] {
    return [...this.#entries.values()];
  }

  get selfModification(): boolean {
    return this.executable.some(({ writable, errno }) => writable && errno === undefined);
  }
}

/** The range is no longer known to be clean. */
function forget(state: ProcessMemory, start: number, size: number): void {
  const end = start + roundUp(size);
  if (!state.clean.some((range) => range.start < end && start < range.end)) return;
  state.clean = state.clean.flatMap((range) => {
    if (range.end <= start || end <= range.start) return [range];
    return [
      { ...range, end: start },
      { ...range, start: end },
    ].filter((part) => part.start < part.end);
  });
}
