/** Arguments and errors of Sandbox.files. */
import { type ErrorCode, errnoText, SandboxError } from './errors.js';
import { notRegular } from './files-message.js';
import { flag, oneOf, type Rule, rule, wholeFrom } from './option-rules.js';

/** Absolute, in the sandbox. */
export type SandboxPath = string | Uint8Array;

const longestPath = 4095;

const rules: Record<string, Rule> = {
  signal: rule((value) => {
    const signal = value as AbortSignal | null;
    return typeof signal?.aborted === 'boolean' && typeof signal.addEventListener === 'function';
  }, 'an AbortSignal'),
  encoding: oneOf('utf8'),
  maxBytes: wholeFrom(0, 2 ** 31 - 1),
  maxEntries: wholeFrom(1, 10_000_000),
  append: flag,
  exclusive: flag,
  recursive: flag,
  force: flag,
  replace: flag,
  followLinks: flag,
  mode: wholeFrom(0, 0o1777),
  start: wholeFrom(0, Number.MAX_SAFE_INTEGER),
  end: wholeFrom(0, Number.MAX_SAFE_INTEGER),
};

/** Throws ERR_INVALID_OPTION. */
export function validateFileOptions(operation: string, options: unknown, known: readonly string[]): void {
  const refuse = (path: string, value: unknown, give: string): SandboxError =>
    new SandboxError('ERR_INVALID_OPTION', `${operation}: ${path} cannot be this`, {
      path,
      value,
      remedy: `Give ${give}.`,
    });
  if (typeof options !== 'object' || options === null || Array.isArray(options))
    throw refuse('options', options, 'an object');
  const names = ['signal', ...known];
  for (const [name, value] of Object.entries(options)) {
    if (!names.includes(name)) throw refuse(`options.${name}`, value, `nothing but ${names.join(', ')}`);
    const problem = value === undefined ? undefined : rules[name]?.(value);
    if (problem) throw refuse(`options.${name}`, value, problem.give);
  }
}

/** Throws ERR_INVALID_OPTION. */
export function pathBytes(operation: string, name: string, path: unknown, mayBeRelative = false): Uint8Array {
  const bytes = typeof path === 'string' ? Buffer.from(path) : path;
  const right =
    bytes instanceof Uint8Array && bytes.length > 0 && bytes.length <= longestPath && !bytes.includes(0);
  if (right && (mayBeRelative || bytes[0] === 0x2f)) return bytes;
  throw new SandboxError('ERR_INVALID_OPTION', `${operation}: ${name} is no path of a sandbox`, {
    path: name,
    value: path,
    remedy: `Give ${mayBeRelative ? 'a path' : 'an absolute path'} of at most ${longestPath} bytes without NUL bytes.`,
  });
}

/** By errno, where it has a code of its own. */
const codes: Partial<Record<number, [ErrorCode, string?]>> = {
  1: ['ERR_FILE_ACCESS'], // EPERM
  2: ['ERR_FILE_NOT_FOUND'], // ENOENT
  11: ['ERR_FILE', 'A program holds a lease on it, or changes it all the time: try again.'], // EAGAIN
  13: ['ERR_FILE_ACCESS', 'The user of the sandbox must be allowed to: see the option `user`.'], // EACCES
  17: ['ERR_FILE_EXISTS'], // EEXIST
  18: ['ERR_FILE', 'It would go from one mount to another: copy it instead.'], // EXDEV
  20: ['ERR_FILE_KIND', 'Something on the way is no folder.'], // ENOTDIR
  21: ['ERR_FILE_KIND', 'It is a folder.'], // EISDIR
  28: ['ERR_FILE', 'Raise `scratchBytes` or the size of the mount.'], // ENOSPC
  30: ['ERR_FILE_ACCESS', 'It is read-only there: give the sandbox a writable layer or mount.'], // EROFS
  39: ['ERR_FILE_EXISTS', 'There is something in the folder: use options.recursive.'], // ENOTEMPTY
  40: ['ERR_FILE_KIND', 'Links lead in a circle.'], // ELOOP
  6: ['ERR_FILE_KIND', 'It is a FIFO, a socket or a device: only regular files are read and written.'], // ENXIO
  [notRegular]: [
    'ERR_FILE_KIND',
    'It is a FIFO, a socket or a device: only regular files are read and written.',
  ],
};

export function fileError(verb: string, path: string, errno: number): SandboxError {
  const [code, remedy] = codes[errno] ?? ['ERR_FILE'];
  const why = errno === notRegular ? 'it is no regular file' : errnoText(errno);
  return new SandboxError(
    code as ErrorCode,
    `Cannot ${verb} ${JSON.stringify(path)} in the sandbox: ${why}`,
    {
      path,
      errno: errno === notRegular ? undefined : errno,
      remedy,
    },
  );
}

export const closedError = (): SandboxError =>
  new SandboxError('ERR_SANDBOX_CLOSED', "Cannot reach the sandbox's files: it was closed");
