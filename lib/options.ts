/**
 * The options that callers may give, and their validation: everything is checked here, before anything is
 * opened or started, and refused with ERR_INVALID_OPTION naming the option, its value and what is allowed.
 */
import { statSync } from 'node:fs';
import { SandboxError } from './errors.js';
import { signalNumber } from './signals.js';

/** How one standard stream is set up: a pipe to this process, this process's own, /dev/null, or a descriptor. */
export type StdioEntry = 'pipe' | 'inherit' | 'ignore' | number;
/** Entries from the fourth on become the guest's descriptors 3, 4, ... and must be numbers. */
export type Stdio = 'pipe' | 'inherit' | 'ignore' | readonly StdioEntry[];

export type KillSignal = NodeJS.Signals | number;

export interface CommonOptions {
  /** Working directory; default: this process's. */
  cwd?: string | undefined;
  /** The whole environment; default: this process's. */
  env?: NodeJS.ProcessEnv | undefined;
  /** Milliseconds until the program is ended; 0, the default, means never. */
  timeoutMs?: number | undefined;
  /** Sent on timeout and abort; SIGKILL, the default, goes to all processes of the program. */
  killSignal?: KillSignal | undefined;
}

export interface SandboxOptions extends CommonOptions {
  /** The KVM device; default /dev/kvm. */
  kvmDevice?: string | undefined;
  /** Default for exec(). */
  maxOutputBytes?: number | undefined;
}

export interface SpawnOptions extends CommonOptions {
  /** The guest's argv[0] when it shall differ from the program's name. */
  argv0?: string | undefined;
  /** Default 'pipe'. */
  stdio?: Stdio | undefined;
  /** Ends the program when aborted. */
  signal?: AbortSignal | undefined;
  /**
   * A session of its own, without a controlling terminal. Default: true, but false where a standard stream
   * is inherited, so that job control and Ctrl-C work.
   */
  newSession?: boolean | undefined;
  /** Let processes that the program left in the background live on when it has ended and nothing waits for it. */
  keepBackground?: boolean | undefined;
  /** A descriptor that gets one line for each system call. */
  traceFd?: number | undefined;
}

export interface ExecOptions extends CommonOptions {
  argv0?: string | undefined;
  signal?: AbortSignal | undefined;
  /** Written to the program's standard input, which is then closed; default: nothing. */
  input?: string | Uint8Array | undefined;
  /** 'utf8' (default): output is text; 'buffer': output is bytes. */
  encoding?: 'utf8' | 'buffer' | undefined;
  /** For each of stdout and stderr; when there is more the program is ended. Default 16 MiB. */
  maxOutputBytes?: number | undefined;
}

export type RunOptions = ExecOptions & Pick<SandboxOptions, 'kvmDevice'>;

export const defaultMaxOutputBytes = 16 * 1024 * 1024;
const maximumTimeoutMs = 2 ** 31 - 1;

/** Says what is wrong with a value, or returns undefined. */
type Rule = (value: unknown) => string | undefined;

const text: Rule = (value) =>
  typeof value !== 'string'
    ? 'must be a string'
    : value.includes('\0')
      ? 'must not hold a NUL byte'
      : undefined;

const path: Rule = (value) => text(value) ?? (value === '' ? 'must not be empty' : undefined);

const flag: Rule = (value) => (typeof value === 'boolean' ? undefined : 'must be true or false');

const descriptor: Rule = (value) =>
  Number.isInteger(value) && (value as number) >= 0 ? undefined : 'must be a descriptor, a number from 0 on';

const milliseconds: Rule = (value) =>
  Number.isInteger(value) && (value as number) >= 0 && (value as number) <= maximumTimeoutMs
    ? undefined
    : `must be whole milliseconds from 0 to ${maximumTimeoutMs}`;

const byteCount: Rule = (value) =>
  Number.isSafeInteger(value) && (value as number) >= 0 ? undefined : 'must be a whole number of bytes';

const killSignal: Rule = (value) =>
  signalNumber(value) === undefined ? 'must be a signal, like "SIGTERM" or 15' : undefined;

const directory: Rule = (value) => {
  const problem = path(value);
  if (problem) return problem;
  try {
    return statSync(value as string).isDirectory() ? undefined : 'must be a directory';
  } catch (error) {
    return `must be a directory that can be reached (${(error as NodeJS.ErrnoException).code})`;
  }
};

const environment: Rule = (value) => {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return 'must be an object of strings';
  for (const [name, entry] of Object.entries(value)) {
    if (name === '' || name.includes('=') || name.includes('\0')) {
      return `has the name ${JSON.stringify(name)}, which cannot be one`;
    }
    if (entry !== undefined && text(entry)) return `has for ${name} what ${text(entry)}`;
  }
  return undefined;
};

const abortSignal: Rule = (value) => (value instanceof AbortSignal ? undefined : 'must be an AbortSignal');

const stdioEntry: Rule = (value) =>
  value === 'pipe' || value === 'inherit' || value === 'ignore' || !descriptor(value)
    ? undefined
    : 'must be "pipe", "inherit", "ignore" or a descriptor';

const stdio: Rule = (value) => {
  if (!Array.isArray(value))
    return typeof value === 'number' ? 'must be a list or a word' : stdioEntry(value);
  if (value.length > 3 + 1000) return 'must have at most 1003 entries';
  for (const [index, entry] of value.entries()) {
    const problem = index < 3 ? stdioEntry(entry) : descriptor(entry);
    if (problem) return `has an entry ${index} that ${problem}`;
  }
  return undefined;
};

const input: Rule = (value) =>
  typeof value === 'string' || value instanceof Uint8Array ? undefined : 'must be a string or a Uint8Array';

const encoding: Rule = (value) =>
  value === 'utf8' || value === 'buffer' ? undefined : 'must be "utf8" or "buffer"';

const commonRules = { cwd: directory, env: environment, timeoutMs: milliseconds, killSignal };
const execRules = {
  ...commonRules,
  argv0: text,
  signal: abortSignal,
  input,
  encoding,
  maxOutputBytes: byteCount,
};

const rules = {
  sandbox: { ...commonRules, kvmDevice: path, maxOutputBytes: byteCount },
  spawn: {
    ...commonRules,
    argv0: text,
    stdio,
    signal: abortSignal,
    newSession: flag,
    keepBackground: flag,
    traceFd: descriptor,
  },
  exec: execRules,
  run: { ...execRules, kvmDevice: path },
  doctor: { kvmDevice: path },
} satisfies Record<string, Record<string, Rule>>;

function refuse(option: string, value: unknown, problem: string): SandboxError {
  return new SandboxError('ERR_INVALID_OPTION', `${option} ${problem}; it is ${show(value)}`, {
    path: option,
    value,
  });
}

function show(value: unknown): string {
  if (typeof value === 'string')
    return JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}...` : value);
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'a list' : 'an object';
  return String(value);
}

/** Throws ERR_INVALID_OPTION for the first option that is unknown or wrong. undefined means "not given". */
export function validateOptions(kind: keyof typeof rules, options: unknown): void {
  if (options === undefined) return;
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw refuse('options', options, 'must be an object');
  }
  const known: Record<string, Rule> = rules[kind];
  for (const [name, value] of Object.entries(options)) {
    const rule = Object.hasOwn(known, name) ? known[name] : undefined;
    if (!rule) {
      throw refuse(`options.${name}`, value, `is not an option; there are: ${Object.keys(known).join(', ')}`);
    }
    const problem = value === undefined ? undefined : rule(value);
    if (problem) throw refuse(`options.${name}`, value, problem);
  }
}

/** Throws ERR_INVALID_OPTION unless `argv` is a list of one or more strings without NUL bytes. */
export function validateArgv(argv: unknown): asserts argv is readonly [string, ...string[]] {
  if (!Array.isArray(argv)) throw refuse('argv', argv, 'must be a list of strings');
  if (argv.length === 0) throw refuse('argv', argv, 'must have at least the name of a program');
  for (const [index, argument] of argv.entries()) {
    const problem = text(argument);
    if (problem) throw refuse(`argv[${index}]`, argument, problem);
  }
}
