/**
 * The one error type of the package. `code` is stable and documented in docs/errors.md; messages are for
 * people and may change.
 */
export const errorCodes = [
  'ERR_ABORTED',
  'ERR_CWD',
  'ERR_INVALID_OPTION',
  'ERR_KVM_NOT_FOUND',
  'ERR_KVM_PERMISSION',
  'ERR_KVM_UNSUPPORTED',
  'ERR_MONITOR_CONFIG',
  'ERR_MONITOR_CRASH',
  'ERR_MONITOR_MEMORY',
  'ERR_NATIVE_NOT_BUILT',
  'ERR_PROGRAM_NOT_EXECUTABLE',
  'ERR_PROGRAM_NOT_FOUND',
  'ERR_SANDBOX_CLOSED',
  'ERR_SYSTEM',
  'ERR_UNSUPPORTED_PLATFORM',
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
  cause?: unknown;
}

export class SandboxError extends Error {
  override readonly name = 'SandboxError';
  readonly code: ErrorCode;
  readonly remedy?: string;
  readonly path?: string;
  readonly value?: unknown;
  readonly errno?: number;
  readonly syscall?: string;

  constructor(code: ErrorCode, message: string, details: SandboxErrorDetails = {}) {
    const { cause, ...properties } = details;
    const sentence = message.endsWith('.') ? message : `${message}.`;
    super(
      details.remedy ? `${sentence} ${details.remedy}` : sentence,
      cause === undefined ? undefined : { cause },
    );
    this.code = code;
    for (const [key, value] of Object.entries(properties)) {
      if (value !== undefined) Object.defineProperty(this, key, { value, enumerable: true });
    }
  }
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
