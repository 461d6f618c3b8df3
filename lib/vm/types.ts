/** What a debugged program stops for, and what can be asked of it. */
import type { ProcessExit } from '../process.js';

/** `read`, `write` and `execute` as page tables know them. */
export interface PageAccess {
  read?: boolean | undefined;
  write?: boolean | undefined;
  execute?: boolean | undefined;
}
export type AccessKind = 'read' | 'write' | 'execute';

/** Why the program stands still. All of its threads do; `tid` is the one that it is about. */
export type VmStop =
  /** Before the first instruction. */
  | { reason: 'start'; tid: number; path: string }
  /** It has become another program, before whose first instruction it stands; whatever was set in memory is gone. */
  | { reason: 'exec'; tid: number; path: string }
  /** Before the instruction at `address`. */
  | { reason: 'breakpoint'; tid: number; address: bigint }
  | { reason: 'step'; tid: number }
  | { reason: 'interrupt'; tid: number }
  /** A fault, before the program gets its signal; see ResumeOptions.signal. `address` as siginfo has it. */
  | { reason: 'fault'; tid: number; signal: string; code: number; address: bigint }
  /** Before a system call is made. Registers, so arguments and number, may be changed, or finishSyscall() called. */
  | { reason: 'syscallEntry'; tid: number; number: number; name: string | undefined; args: bigint[] }
  /** After it; RAX may be changed. */
  | { reason: 'syscallReturn'; tid: number; number: number; name: string | undefined; result: bigint }
  /**
   * A use of what watch() names: after it was read or written, before it is executed. `address`: the first byte of the access.
   */
  | { reason: 'watch'; tid: number; address: bigint; kind: AccessKind }
  /** It runs no more. */
  | { reason: 'exit'; exit: ProcessExit };

export interface VmThread {
  tid: number;
  /** In a system call, which goes on while the guest is stopped: its registers cannot be written. */
  inSyscall: boolean;
}

export interface ResumeOptions {
  /** Only this thread goes on. Default: all do. */
  only?: number | undefined;
  /**
   * After a fault: true, the default, lets the program have its signal; false drops it, so that the instruction is tried
   * again. A number sends that signal to the thread that has stopped instead.
   */
  signal?: boolean | number | undefined;
}

export interface Watchpoint extends PageAccess {
  address: bigint;
  length: number;
}

export interface MemoryMapping {
  start: bigint;
  end: bigint;
  read: boolean;
  write: boolean;
  execute: boolean;
  shared: boolean;
  ofFile: boolean;
}

/** A page that was used since coverage began. */
export interface CoveredPage extends Required<Record<AccessKind, boolean>> {
  address: bigint;
}
