/** Which calls Node decides for the programs of a sandbox, and by which handlers. */
import { setMaxListeners } from 'node:events';

import { logger } from './debug.js';
import { SandboxError } from './errors.js';
import { Decision, InterceptedCall, type Stop } from './intercept-call.js';
import type { InterceptConnections } from './intercept-connections.js';
import { milliseconds, type Rule, rule } from './option-rules.js';
import { errnoOf } from './policy-check.js';
import { isSyscall, type SyscallName, syscalls } from './syscalls.js';

const log = logger('intercept');

/** Decides by what it returns: one of the call's methods makes it. Anything else, and throwing, refuses the call. */
export type InterceptHandler<Name extends SyscallName = SyscallName> = (
  call: InterceptedCall<Name>,
) => Decision | Promise<Decision>;

export interface InterceptOptions {
  /** Whole milliseconds until a call is refused that the handler has not decided; 0: never. Default 10000. */
  timeoutMs?: number | undefined;
  /** When it is aborted the interception ends, as by close(). */
  signal?: AbortSignal | undefined;
  /** What a call gets that is not decided: the name or number of an errno, or the death of its process. Default EPERM. */
  failure?: string | number | undefined;
  /** Told why a call was not decided: ERR_INTERCEPT with the cause. */
  onFailure?: ((error: SandboxError, call: InterceptedCall) => void) | undefined;
}

/** From Sandbox.intercept(). */
export interface Interception extends Disposable {
  /**
   * Ends it: its handler is asked no more, and calls that wait for it are refused. In programs that have been started
   * meanwhile, calls that no handler is left for stay refused.
   */
  close(): void;
}

/** Names that belong together: what is asked about by one name only is done by another as well. */
export const callGroups = {
  /** open and creat become openat. */
  open: ['openat', 'openat2'],
  exec: ['execve', 'execveat'],
  read: ['read', 'pread64', 'readv', 'preadv', 'preadv2'],
  write: ['write', 'pwrite64', 'writev', 'pwritev', 'pwritev2'],
  send: ['sendto', 'sendmsg', 'sendmmsg'],
  receive: ['recvfrom', 'recvmsg', 'recvmmsg'],
  /** stat and lstat become newfstatat; newfstatat of an open file becomes fstat. */
  stat: ['newfstatat', 'statx', 'fstat'],
  /** rename, link, unlink, rmdir, mkdir and mknod become these. */
  names: ['renameat2', 'linkat', 'symlinkat', 'unlinkat', 'mkdirat', 'mknodat'],
} as const satisfies Record<string, readonly SyscallName[]>;

const defaultTimeoutMs = 10_000;
const setBytes = 64;
/** They do not come back, or are no calls of the program's own. */
const neverAsked: readonly SyscallName[] = ['exit', 'exit_group', 'rt_sigreturn', 'restart_syscall'];

interface Entry {
  numbers: ReadonlySet<number>;
  handler: InterceptHandler;
  timeoutMs: number;
  failure: string | number;
  onFailure: InterceptOptions['onFailure'];
  /** Aborted when the interception has ended. */
  ended: AbortController;
}

function refuse(path: string, value: unknown, give: string): SandboxError {
  return new SandboxError('ERR_INVALID_OPTION', `Sandbox.intercept: ${path} is wrong`, {
    path,
    value,
    remedy: `Give ${give}.`,
  });
}

function numberOf(name: unknown, path: string): number {
  if (!isSyscall(name)) throw refuse(path, name, 'the name of a system call, as in docs/syscalls.md');
  const call = syscalls().get(name);
  if (!call) throw refuse(path, name, 'the name of a system call');
  if (call.kind === 'rewritten') throw refuse(path, name, `"${call.target}", which ${name} becomes`);
  if (call.kind === 'deny' || call.kind === 'absent')
    throw refuse(path, name, 'a call that the gate does not always refuse');
  if (neverAsked.includes(name)) throw refuse(path, name, 'a call that can be refused');
  return call.number;
}

const failure: Rule = (value) => {
  if (value === 'kill') return undefined;
  try {
    errnoOf(value, 'failure');
    return undefined;
  } catch {
    return { give: 'the name or number of an errno, or "kill"' };
  }
};
const optionRules: Record<keyof InterceptOptions, Rule> = {
  timeoutMs: milliseconds,
  signal: rule((value) => typeof (value as AbortSignal | null)?.aborted === 'boolean', 'an AbortSignal'),
  failure,
  onFailure: rule((value) => typeof value === 'function', 'a function'),
};

function validate(names: unknown, handler: unknown, options: unknown): ReadonlySet<number> {
  const list = Array.isArray(names) ? names : [names];
  if (list.length === 0) throw refuse('names', names, 'one name or more');
  if (typeof handler !== 'function') throw refuse('handler', handler, 'a function');
  if (typeof options !== 'object' || options === null) throw refuse('options', options, 'an object');
  for (const [name, value] of Object.entries(options)) {
    const check = Object.hasOwn(optionRules, name) ? optionRules[name as keyof InterceptOptions] : undefined;
    if (!check) throw refuse(`options.${name}`, value, `only ${Object.keys(optionRules).join(', ')}`);
    const problem = value === undefined ? undefined : check(value);
    if (problem) throw refuse(`options.${name}`, value, problem.give);
  }
  return new Set(list.map((name, i) => numberOf(name, Array.isArray(names) ? `names[${i}]` : 'names')));
}

const failed = (what: string, cause?: unknown): SandboxError =>
  new SandboxError('ERR_INTERCEPT', `A call was refused: ${what}`, { cause });

/** The thread was interrupted by a signal, or is no more: nothing has failed. */
export class NobodyWaits extends SandboxError {
  constructor() {
    super('ERR_INTERCEPT', 'Nobody waits for the call any more');
  }
}

/** Rejects when the signal is aborted; `forget` leaves it. */
function aborted(signal: AbortSignal): { promise: Promise<never>; forget: () => void } {
  let listener: () => void = () => {};
  const promise = new Promise<never>((_, reject) => {
    listener = () => reject(signal.reason);
    if (signal.aborted) listener();
    else signal.addEventListener('abort', listener, { once: true });
  });
  promise.catch(() => {});
  return { promise, forget: () => signal.removeEventListener('abort', listener) };
}

/** Those of one sandbox. */
export class Interceptors {
  /** The newest comes first. */
  #entries: Entry[] = [];
  readonly #connections: InterceptConnections;

  constructor(connections: InterceptConnections) {
    this.#connections = connections;
  }

  add(names: unknown, handler: unknown, options: InterceptOptions = {}): Interception {
    const entry: Entry = {
      numbers: validate(names, handler, options),
      handler: handler as InterceptHandler,
      timeoutMs: options.timeoutMs ?? defaultTimeoutMs,
      failure: options.failure ?? 'EPERM',
      onFailure: options.onFailure,
      ended: new AbortController(),
    };
    setMaxListeners(0, entry.ended.signal); // one for each call that waits
    const { signal } = options;
    const close = (): void => {
      signal?.removeEventListener('abort', close);
      this.#entries = this.#entries.filter((other) => other !== entry);
      entry.ended.abort(failed('its interception has ended', signal?.reason));
    };
    if (signal?.aborted) {
      close();
    } else {
      signal?.addEventListener('abort', close, { once: true });
      this.#entries.unshift(entry);
    }
    return { close, [Symbol.dispose]: close };
  }

  /** The set for a start blob, or undefined when nothing is asked about. */
  calls(): Uint8Array | undefined {
    if (this.#entries.length === 0) return undefined;
    const set = new Uint8Array(setBytes);
    for (const { numbers } of this.#entries) {
      for (const number of numbers) set[number >> 3] = (set[number >> 3] ?? 0) | (1 << (number & 7));
    }
    return set;
  }

  /** Rejects for a call that there is not. */
  async decide(stop: Stop): Promise<Decision> {
    const { request } = stop;
    const name = nameOf(request.number);
    const entries = this.#entries.filter(({ numbers }) => numbers.has(request.number));
    const ask = async (index: number): Promise<Decision> => {
      const entry = entries[index];
      const call = new InterceptedCall(stop, name, nameOf(request.original), this.#connections, () =>
        ask(index + 1),
      );
      if (!entry) return index === 0 ? call.deny() : call.allow();
      return this.#run(entry, call, stop);
    };
    return ask(0);
  }

  async #run(entry: Entry, call: InterceptedCall, stop: Stop): Promise<Decision> {
    const { gone } = stop;
    const waits = [aborted(entry.ended.signal), aborted(gone.signal)];
    const timer =
      entry.timeoutMs > 0
        ? setTimeout(
            () => gone.abort(failed(`it was not decided within ${entry.timeoutMs} ms`)),
            entry.timeoutMs,
          )
        : undefined;
    // In a turn of its own: a handler that throws at once is as one that rejects.
    const answer = Promise.resolve()
      .then(() => entry.handler(call))
      .then(async (decision) => {
        if (decision instanceof Decision && decision.stop === stop) await decision.ready;
        return decision;
      });
    answer.catch(() => {});
    try {
      const decision = await Promise.race([answer, ...waits.map(({ promise }) => promise)]);
      if (!(decision instanceof Decision) || decision.stop !== stop)
        throw failed('its handler returned no decision of this call');
      return decision;
    } catch (error) {
      const reason =
        error instanceof SandboxError && error.code === 'ERR_INTERCEPT'
          ? error
          : failed('its handler threw', error);
      log('%s of %d: %s', call.name, call.pid, reason.message);
      try {
        if (!(error instanceof NobodyWaits)) entry.onFailure?.(reason, call);
      } catch (thrown) {
        log('onFailure: %o', thrown);
      }
      return entry.failure === 'kill' ? call.kill() : call.deny(entry.failure);
    } finally {
      clearTimeout(timer);
      for (const { forget } of waits) forget();
    }
  }
}

let names: Map<number, SyscallName> | undefined;
function nameOf(number: number): SyscallName {
  names ??= new Map([...syscalls().values()].map((call) => [call.number, call.name]));
  const name = names.get(number);
  if (!name) throw failed(`there is no call ${number}`);
  return name;
}
