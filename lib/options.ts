/**
 * The options that callers may give, and their validation: everything is checked here, before anything is
 * opened or started, and refused with ERR_INVALID_OPTION naming the option, its value and what is allowed.
 */
import type { Chaos, ChaosDescription } from './chaos.js';
import { SandboxError } from './errors.js';
import type { EventOptions } from './event-types.js';
import { imageParts } from './image/options.js';
import { defaultIsolation, type IsolationOptions, isolationOptionNames } from './isolation.js';
import { directoryInside, isolationRules } from './isolation-options.js';
import { conflictingLimits } from './limit-options.js';
import {
  byteCount,
  descriptor,
  directory,
  flag,
  listOf,
  milliseconds,
  oneOf,
  path,
  type Rule,
  record,
  rule,
  terminalSize,
  text,
  whole,
  wholeFrom,
} from './option-rules.js';
import type { Policy, PolicyDescription, PolicyProfile } from './policy.js';
import { signalNumber } from './signals.js';
import type { TerminalSize } from './terminal.js';

/** How one standard stream is set up: a pipe to this process, this process's own, /dev/null, or a descriptor. */
export type StdioEntry = 'pipe' | 'inherit' | 'ignore' | number;
/**
 * One word for all three standard streams, or a list: stdin, stdout, stderr ('ignore' where one is not given), then
 * up to 1000 descriptors of this process that become the guest's 3, 4, ...; where one is undefined, nothing is open
 */
export type Stdio =
  | 'pipe'
  | 'inherit'
  | 'ignore'
  | readonly [stdin?: StdioEntry, stdout?: StdioEntry, stderr?: StdioEntry, ...more: (number | undefined)[]];

/** A name ("SIGTERM", "SIGRTMIN+3") or a number from 1 to 64. */
export type KillSignal = NodeJS.Signals | `SIGRTMIN+${number}` | number;

/** Text is written as UTF-8. A `Readable` and a web `ReadableStream` are async iterables. */
export type Input = string | Uint8Array | Iterable<string | Uint8Array> | AsyncIterable<string | Uint8Array>;

export interface CommonOptions {
  /** Working directory, relative to this process's; default: this process's. */
  cwd?: string | undefined;
  /** The whole environment; names whose value is undefined are left out. Default: this process's. */
  env?: NodeJS.ProcessEnv | undefined;
  /** Whole milliseconds until the program is ended, at most 2147483647; 0, the default: never. */
  timeoutMs?: number | undefined;
  /**
   * Sent on timeout and abort. SIGKILL, the default, goes to all processes of the program; another one to the
   * first process only, and SIGKILL to all follows after five seconds.
   */
  killSignal?: KillSignal | undefined;
}

/** `cwd`, `env`, `timeoutMs`, `killSignal` and `maxOutputBytes` are defaults for the programs of the sandbox. */
export interface SandboxOptions extends CommonOptions, IsolationOptions {
  /** Faults that the calls of its programs meet on purpose (docs/chaos.md). Each program begins anew with the seed. */
  chaos?: Chaos | ChaosDescription | undefined;
  /** Path of the KVM device; default /dev/kvm. */
  kvmDevice?: string | undefined;
  /** How the sandbox's events reach this process. */
  events?: EventOptions | undefined;
  /** See ExecOptions. */
  maxOutputBytes?: number | undefined;
  /**
   * What the gate says to each system call, for all programs of the sandbox. Default: 'default'; with
   * `isolation: 'none'` what the gate refuses by itself (docs/syscalls.md), without a filter on the monitor.
   */
  policy?: Policy | PolicyDescription | PolicyProfile | undefined;
}

export interface SpawnOptions extends CommonOptions {
  /** The guest's argv[0] where it shall differ from the name in `argv`. */
  argv0?: string | undefined;
  /** Default 'pipe'. */
  stdio?: Stdio | undefined;
  /** When it is aborted the program is ended, and `exited` rejects with ERR_ABORTED. */
  signal?: AbortSignal | undefined;
  /**
   * A session of its own, without a controlling terminal. Default: true, but false where a standard stream
   * is inherited, so that job control and Ctrl-C work.
   */
  newSession?: boolean | undefined;
  /**
   * Lets processes that the program has left in the background live on when it has ended and nothing waits for
   * it. Default false: they are ended when the sandbox is closed or this process ends.
   */
  keepBackground?: boolean | undefined;
  /** A descriptor of this process, open for writing, that gets one line for each system call. */
  traceFd?: number | undefined;
  /**
   * A terminal of its own for the three standard streams, in place of `stdio`: the program leads its session, and `stdin` and
   * `stdout` are the terminal's other side. Ending `stdin` types Ctrl-D; destroying it hangs up.
   */
  pty?: TerminalSize | undefined;
}

export interface ExecOptions extends CommonOptions {
  /** The guest's argv[0] where it shall differ from the name in `argv`. */
  argv0?: string | undefined;
  /** When it is aborted the program is ended, and the call rejects with ERR_ABORTED. */
  signal?: AbortSignal | undefined;
  /**
   * Written to the program's standard input, which is then closed; default: nothing. A program need not read
   * it all. A stream is destroyed and an iterator returned when the program has ended before. When the source
   * throws the program is ended, and the call rejects with ERR_INPUT.
   */
  input?: Input | undefined;
  /** 'utf8' (default): output is text, with U+FFFD for what is no UTF-8; 'buffer': output is bytes. */
  encoding?: 'utf8' | 'buffer' | undefined;
  /**
   * Bytes to keep of each of stdout and stderr, at most 536870888 (the longest string); a program that writes
   * more is ended. Default 16 MiB.
   */
  maxOutputBytes?: number | undefined;
}

export type RunOptions = ExecOptions &
  IsolationOptions &
  Pick<SandboxOptions, 'chaos' | 'kvmDevice' | 'policy'>;

export const defaultMaxOutputBytes = 16 * 1024 * 1024;
const greatestExtraFds = 1000;

const killSignal = rule(
  (value) => signalNumber(value) !== undefined,
  'the name of a signal, like "SIGTERM", or a number from 1 to 64',
);
const encoding = rule((value) => value === 'utf8' || value === 'buffer', '"utf8" or "buffer"');
// Not instanceof: the signal may be of another realm or of a polyfill.
const abortSignal = rule((value) => {
  const signal = value as AbortSignal | null;
  return typeof signal?.aborted === 'boolean' && typeof signal.addEventListener === 'function';
}, 'an AbortSignal');
const input = rule(
  (value) =>
    typeof value === 'string' ||
    (typeof value === 'object' &&
      value !== null &&
      (value instanceof Uint8Array || Symbol.asyncIterator in value || Symbol.iterator in value)),
  'a string, a Uint8Array, a readable stream, or an iterable or async iterable of strings and Uint8Arrays',
);

const environment: Rule = (value) => {
  // A Map or a list has entries of its own kind, which Object.entries() does not see.
  if (typeof value !== 'object' || value === null || Symbol.iterator in value)
    return { give: 'an object with a string, or undefined, for each name' };
  for (const [name, entry] of Object.entries(value)) {
    const at = `.${name}`;
    if (name === '' || name.includes('=') || name.includes('\0'))
      return { at, value: name, give: 'a name that is not empty and has neither "=" nor NUL bytes' };
    const problem = entry === undefined ? undefined : text(entry);
    if (problem) return { at, value: entry, ...problem };
  }
  return undefined;
};

const words = '"pipe", "inherit", "ignore"';
const isWord = (value: unknown): boolean => value === 'pipe' || value === 'inherit' || value === 'ignore';
const stdioEntry = rule((value) => isWord(value) || !descriptor(value), `${words} or an open descriptor`);

const stdio: Rule = (value) => {
  if (isWord(value)) return undefined;
  if (!Array.isArray(value) || value.length > 3 + greatestExtraFds)
    return { give: `${words} or a list of at most ${3 + greatestExtraFds} of these and of descriptors` };
  for (const [index, entry] of value.entries()) {
    if (entry === undefined) continue;
    const problem = index < 3 ? stdioEntry(entry) : descriptor(entry);
    if (problem) return { at: `[${index}]`, value: entry, ...problem };
  }
  return undefined;
};

/** Checked by policy-option.ts or chaos-blob.ts, which are loaded only for those who give one. */
const checkedLater: Rule = () => undefined;

const commonRules = { cwd: directory, env: environment, timeoutMs: milliseconds, killSignal };
const execRules = {
  ...commonRules,
  argv0: text,
  signal: abortSignal,
  input,
  encoding,
  maxOutputBytes: byteCount,
};

const eventOptions = record({
  slots: rule(
    (value) => whole(value, 65536) && (value as number) >= 16 && Number.isInteger(Math.log2(value as number)),
    'a power of two from 16 to 65536',
  ),
  backpressure: oneOf('drop', 'block'),
});
const { isolation: _, ...harnessIsolation } = isolationRules;
/** lib/harness/options.ts */
const harnessRules = {
  ...harnessIsolation,
  network: rule(
    (value) =>
      ['none', 'loopback', 'virtual'].includes(value as string) ||
      typeof (value as { attach?: unknown } | null)?.attach === 'function',
    '"none", "loopback", "virtual" or a VirtualNetwork',
  ),
  pcap: path,
  args: listOf(text, 10_000),
  env: environment,
  cwd: directoryInside,
  stdin: input,
  timeoutMs: wholeFrom(1, 2 ** 31 - 1),
  signal: abortSignal,
  kvmDevice: path,
  name: text,
  policy: checkedLater,
  onProgress: rule((value) => typeof value === 'function', 'a function'),
  progressMs: wholeFrom(10, 2 ** 31 - 1),
  keep: record({
    output: wholeFrom(0, 2 ** 28),
    file: wholeFrom(0, 2 ** 28),
    files: wholeFrom(0, 2 ** 30),
    hashed: wholeFrom(0, 2 ** 40),
    entries: wholeFrom(1, 1_000_000),
    calls: wholeFrom(1, 2 ** 40),
  }),
};
const cacheRules = { cache: imageParts.cache, owners: imageParts.owners };

/** By the name of the call. */
const rules = {
  'Sandbox.create': {
    ...commonRules,
    ...isolationRules,
    chaos: checkedLater,
    events: eventOptions,
    kvmDevice: path,
    maxOutputBytes: byteCount,
    policy: checkedLater,
  },
  'Sandbox.spawn': {
    ...commonRules,
    argv0: text,
    stdio,
    signal: abortSignal,
    newSession: flag,
    keepBackground: flag,
    traceFd: descriptor,
    pty: terminalSize,
  },
  'Sandbox.exec': execRules,
  'harness.run': harnessRules,
  run: { ...execRules, ...isolationRules, chaos: checkedLater, kvmDevice: path, policy: checkedLater },
  doctor: { kvmDevice: path },
  loadImage: { ...imageParts, signal: abortSignal },
  listImages: cacheRules,
  removeImage: cacheRules,
  pruneImages: { ...cacheRules, unusedForMs: wholeFrom(0, Number.MAX_SAFE_INTEGER) },
} satisfies Record<string, Record<string, Rule>>;

/** Where a program runs in a sandbox with isolation, its working directory is one in there. */
const insideRules: Record<string, Rule> = { cwd: directoryInside };

export type Operation = keyof typeof rules;

function refuse(operation: string, option: string, value: unknown, give: string): SandboxError {
  return new SandboxError('ERR_INVALID_OPTION', `${operation}: ${option} cannot be ${show(value)}`, {
    path: option,
    value,
    remedy: `Give ${give}.`,
  });
}

function show(value: unknown): string {
  if (typeof value === 'string')
    return JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}...` : value);
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'a list' : 'an object';
  return typeof value === 'function' ? 'a function' : String(value);
}

/** Of a sandbox's own options; for those of its programs the sandbox knows. */
export function isIsolated(options: IsolationOptions): boolean {
  return (options.isolation ?? defaultIsolation) === 'full';
}

function validateCombinations(
  operation: Operation,
  options: IsolationOptions & SpawnOptions,
  isolated: boolean,
): void {
  if (isolated && options.keepBackground) {
    throw refuse(
      operation,
      'options.keepBackground',
      true,
      "false: with isolation no process outlives its program's end",
    );
  }
  for (const name of ['stdio', 'newSession'] as const) {
    if (options.pty && options[name] !== undefined)
      throw refuse(operation, `options.${name}`, options[name], 'either it or pty, which decides it');
  }
  const conflict = conflictingLimits(options);
  if (conflict) throw refuse(operation, `options.limits${conflict.at}`, conflict.value, conflict.give);
  for (const name of isolationOptionNames) {
    if (!isolated && options[name] !== undefined)
      throw refuse(operation, `options.${name}`, options[name], 'it together with isolation: "full"');
  }
}

/**
 * Throws ERR_INVALID_OPTION for the first option that is unknown or wrong. undefined means "not given".
 * `isolated`: for a program of a sandbox that is; paths are then those inside.
 */
export function validateOptions(operation: Operation, options: unknown, isolated?: boolean): void {
  if (options === undefined) return;
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw refuse(operation, 'options', options, 'an object');
  }
  const creates = operation === 'Sandbox.create' || operation === 'run';
  const inside = isolated ?? (creates && isIsolated(options));
  const known: Record<string, Rule> = rules[operation];
  for (const [name, value] of Object.entries(options)) {
    const option = `options.${name}`;
    const check = Object.hasOwn(known, name) ? (inside && insideRules[name]) || known[name] : undefined;
    if (!check) {
      throw new SandboxError('ERR_INVALID_OPTION', `${operation}: there is no ${option}`, {
        path: option,
        value,
        remedy: `Options are: ${Object.keys(known).join(', ')}.`,
      });
    }
    const problem = value === undefined ? undefined : check(value);
    if (problem) {
      const { at = '', give } = problem;
      throw refuse(operation, option + at, at ? problem.value : value, give);
    }
  }
  // Images have limits of their own.
  if (!operation.endsWith('Image') && !operation.endsWith('Images'))
    validateCombinations(operation, options, inside);
}

/** Throws ERR_INVALID_OPTION unless `argv` is a list of one or more strings without NUL bytes. */
export function validateArgv(
  operation: Operation,
  argv: unknown,
): asserts argv is readonly [string, ...string[]] {
  if (!Array.isArray(argv) || argv.length === 0) {
    throw refuse(operation, 'argv', argv, 'a list of strings that begins with the name of a program');
  }
  for (const [index, argument] of argv.entries()) {
    const problem = text(argument);
    if (problem) throw refuse(operation, `argv[${index}]`, argument, problem.give);
  }
}
