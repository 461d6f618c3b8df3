/**
 * The one error type of the package. `code` is stable and documented in docs/errors.md; messages are for
 * people and may change.
 */
import { getSystemErrorMap } from 'node:util';
import type { MonitorBreach } from './breach.js';

export const errorCodes = [
  'ERR_ABORTED',
  'ERR_CWD',
  'ERR_FILE',
  'ERR_FILE_ACCESS',
  'ERR_FILE_EXISTS',
  'ERR_FILE_KIND',
  'ERR_FILE_NOT_FOUND',
  'ERR_FILE_TOO_LARGE',
  'ERR_IMAGE_CACHE',
  'ERR_IMAGE_INVALID',
  'ERR_IMAGE_NOT_FOUND',
  'ERR_IMAGE_TOO_LARGE',
  'ERR_IMAGE_UNSUPPORTED',
  'ERR_INPUT',
  'ERR_INTERCEPT',
  'ERR_INVALID_OPTION',
  'ERR_KVM_NOT_FOUND',
  'ERR_KVM_PERMISSION',
  'ERR_KVM_UNSUPPORTED',
  'ERR_LIMIT_UNAVAILABLE',
  'ERR_MONITOR_BREACH',
  'ERR_MONITOR_CONFIG',
  'ERR_MONITOR_CONFINE',
  'ERR_MONITOR_CRASH',
  'ERR_MONITOR_MEMORY',
  'ERR_NATIVE_NOT_BUILT',
  'ERR_PROGRAM_NOT_EXECUTABLE',
  'ERR_PROGRAM_NOT_FOUND',
  'ERR_SANDBOX_CLOSED',
  'ERR_SANDBOX_SETUP',
  'ERR_SYSTEM',
  'ERR_TOOL_MISSING',
  'ERR_UNSUPPORTED_PLATFORM',
  'ERR_VM_BREAKPOINT',
  'ERR_VM_ENDED',
  'ERR_VM_MEMORY',
  'ERR_VM_RUNNING',
  'ERR_VM_THREAD',
] as const;

export type ErrorCode = (typeof errorCodes)[number];

export interface SandboxErrorDetails {
  /** What to do about it; appended to the message. */
  remedy?: string | undefined;
  /** The file, or for ERR_INVALID_OPTION the name of the option (`options.timeoutMs`). */
  path?: string | undefined;
  /** ERR_INVALID_OPTION: the value that was refused. */
  value?: unknown;
  /** A positive errno. */
  errno?: number | undefined;
  syscall?: string | undefined;
  /** ERR_SANDBOX_SETUP: which step the host refused (docs/errors.md). */
  step?: string | undefined;
  /** ERR_MONITOR_BREACH: which call, and whose. */
  breach?: MonitorBreach | undefined;
  cause?: unknown;
}

/** What to do when the host refuses a resource, by errno. */
const remedies: Partial<Record<number, string>> = {
  7: 'Pass fewer or shorter arguments and variables: each at most 128 KiB, all of them a quarter of the stack limit (ulimit -s).',
  11: 'Raise the limit on processes (ulimit -u, pids.max), or run fewer programs at once.',
  12: 'Free memory, or raise the limits of this process and its cgroup (ulimit -v, memory.max).',
  23: 'Raise the limit on open files of the machine (sysctl fs.file-max).',
  24: 'Raise the limit on open files (ulimit -n) to 128 or more, or run fewer programs at once.',
  27: 'Raise the limit on the size of files (ulimit -f) to 64 KiB or more.',
};

/** The one error class: `instanceof SandboxError`, then look at `code`. */
export class SandboxError extends Error {
  override readonly name = 'SandboxError';
  /** Stable; docs/errors.md has a section for each. */
  readonly code: ErrorCode;
  /** What to do about it; the last sentences of `message`. */
  readonly remedy?: string;
  /** The file, or for ERR_INVALID_OPTION the name of the option (`options.timeoutMs`, `argv[2]`). */
  readonly path?: string;
  /** ERR_INVALID_OPTION: the value that was refused. */
  readonly value?: unknown;
  /** The positive number of the system's error, as in <errno.h>. */
  readonly errno?: number;
  /** The host's call that failed. */
  readonly syscall?: string;
  readonly step?: string;
  /** ERR_MONITOR_BREACH: the call that was stopped; absent where the kernel has only ended the process. */
  readonly breach?: MonitorBreach;

  constructor(code: ErrorCode, message: string, details: SandboxErrorDetails = {}) {
    const { cause, ...given } = details;
    const properties = { ...given };
    if (code === 'ERR_SYSTEM') properties.remedy ??= remedies[given.errno ?? 0];
    const sentence = message.endsWith('.') ? message : `${message}.`;
    super(
      properties.remedy ? `${sentence} ${properties.remedy}` : sentence,
      cause === undefined ? undefined : { cause },
    );
    this.code = code;
    for (const [key, value] of Object.entries(properties)) {
      if (value !== undefined) Object.defineProperty(this, key, { value, enumerable: true });
    }
  }
}

/** "EAGAIN (resource temporarily unavailable)", for messages. */
export function errnoText(errno: number): string {
  const [name, meaning] = getSystemErrorMap().get(-errno) ?? ['errno', String(errno)];
  return `${name} (${meaning})`;
}

interface CodedError extends Error {
  code?: string;
  errno?: number;
  syscall?: string;
  path?: string;
  remedy?: string;
}

function isErrorCode(code: unknown): code is ErrorCode {
  return (errorCodes as readonly unknown[]).includes(code);
}

/** Turns what the addon or node:child_process threw into a SandboxError; `operation` names what was tried. */
export function toSandboxError(error: unknown, operation: string): SandboxError {
  if (error instanceof SandboxError) return error;
  const { message, code, errno, syscall, path, remedy } = error as CodedError;
  return new SandboxError(isErrorCode(code) ? code : 'ERR_SYSTEM', `${operation}: ${message}`, {
    remedy,
    path,
    errno: typeof errno === 'number' ? Math.abs(errno) : undefined,
    syscall,
    cause: error,
  });
}
