/**
 * What the gate says to each system call of a program.
 *
 * A policy is a profile and rules on top of it; the last rule that fits a call decides. It is immutable: every
 * method returns a new one. The gate judges private copies of the arguments, and the monitor itself is bound, by a
 * seccomp filter of the host kernel, to the host calls that the policy can reach.
 */
import { inspect } from 'node:util';
import { checkPolicy } from './policy-check.js';
import type { PolicyProfile } from './policy-profiles.js';
import type { SyscallFamily, SyscallName } from './syscalls.js';

export type { PolicyProfile } from './policy-profiles.js';
export type { SyscallFamily, SyscallName } from './syscalls.js';

/** A call, or with @ all calls of a family of docs/syscalls.md. */
export type CallPattern = SyscallName | `@${SyscallFamily}`;

/** What an argument must be: a number, or comparisons that all hold, unsigned, after `mask` when given. */
export type ArgumentCondition =
  | number
  | bigint
  | {
      mask?: number | bigint;
      equals?: number | bigint;
      notEquals?: number | bigint;
      below?: number | bigint;
      atMost?: number | bigint;
      above?: number | bigint;
      atLeast?: number | bigint;
    };

/** Arguments by their names in docs/syscalls.md, such as `{ domain: 2 }`; all must hold. */
export type CallConditions = Readonly<Record<string, ArgumentCondition>>;

export interface PolicyRule {
  calls: readonly CallPattern[];
  /** deny: the call fails with `errno`. kill: the process dies by SIGSYS. log: it passes, and is a 'log' event. */
  action: 'allow' | 'deny' | 'kill' | 'log';
  /** A name such as 'EACCES', or a number from 1 to 4095; only with deny. Default EPERM. */
  errno?: string | number;
  /**
   * Only calls with these arguments; those that are pointers cannot be looked into, but for openat2's open_how: its `flags`,
   * `mode` and `resolve`. What is refused of openat by `when` is refused of openat2 as well.
   */
  when?: CallConditions;
}

/** Where a program may connect and send to. */
export interface NetworkRule {
  /** An IPv4 or IPv6 address, with /PREFIX for a network; '*' is any address. */
  address: string;
  /** A port or [first, last], 0 to 65535; default: all. */
  ports?: number | readonly [number, number];
}

/** A policy as plain data, for files. */
export interface PolicyDescription {
  /** compat: what docker's default has; default: what usual programs need; strict: computing on given descriptors. */
  profile: PolicyProfile;
  rules?: readonly PolicyRule[];
  /**
   * With this list, connect and send reach only what it names; other addresses fail with EACCES, and so do sockets
   * that go round addresses (raw, packet). UNIX sockets are not concerned.
   */
  network?: readonly NetworkRule[];
  /**
   * true: no memory that is, or has been, writable becomes executable; mmap and mprotect fail with EACCES, so that there is no JIT.
   * 'jit': no page is ever both, but one that is writable no more can become executable, for compilers that switch.
   */
  writeXorExecute?: boolean | 'jit';
}

type Errno = { errno?: string | number };

export class Policy {
  readonly #description: PolicyDescription;

  private constructor(description: PolicyDescription) {
    this.#description = description;
  }

  /** As docker's default profile: everything that the gate does not refuse by itself. */
  static compat(): Policy {
    return new Policy({ profile: 'compat' });
  }

  /** What interpreters, compilers, shells and servers use; others fail with EPERM, new ones with ENOSYS, extended attributes with ENOTSUP. */
  static default(): Policy {
    return new Policy({ profile: 'default' });
  }

  /** Computing: memory, and reading and writing of given descriptors. No new files, sockets, processes. */
  static strict(): Policy {
    return new Policy({ profile: 'strict' });
  }

  /** From plain data, such as a parsed file. Throws ERR_INVALID_OPTION with the path of what is wrong. */
  static from(description: PolicyDescription | PolicyProfile): Policy {
    const data = typeof description === 'string' ? { profile: description } : description;
    checkPolicy(data, 'policy');
    return new Policy(structuredClone(data));
  }

  /** These calls pass. Throws ERR_INVALID_OPTION for an unknown call, as the other methods do. */
  allow(...calls: CallPattern[]): Policy {
    return this.#with({ calls, action: 'allow' });
  }

  /** These calls fail; with { errno } as the last argument by that error, else by EPERM. */
  deny(...calls: [...CallPattern[], CallPattern | Errno]): Policy {
    const last = calls.at(-1);
    if (typeof last !== 'object') return this.#with({ calls: calls as CallPattern[], action: 'deny' });
    return this.#with({ calls: calls.slice(0, -1) as CallPattern[], action: 'deny', ...last });
  }

  /** A process that makes one of these calls dies by SIGSYS. */
  kill(...calls: CallPattern[]): Policy {
    return this.#with({ calls, action: 'kill' });
  }

  /** These calls pass, and each is a 'log' event of the sandbox. */
  log(...calls: CallPattern[]): Policy {
    return this.#with({ calls, action: 'log' });
  }

  /** As allow, deny, kill or log, for calls with certain arguments: `when('socket', { domain: 16 }, 'deny')`. */
  when(call: CallPattern, when: CallConditions, action: PolicyRule['action'], options: Errno = {}): Policy {
    return this.#with({ calls: [call], action, when, ...options });
  }

  /** The only addresses to connect and send to, beside those listed before; without a rule: none. */
  network(...rules: NetworkRule[]): Policy {
    const network = [...(this.#description.network ?? []), ...rules];
    return Policy.from({ ...this.#description, network });
  }

  writeXorExecute(on: boolean | 'jit' = true): Policy {
    return Policy.from({ ...this.#description, writeXorExecute: on });
  }

  #with(rule: PolicyRule): Policy {
    return Policy.from({ ...this.#description, rules: [...(this.#description.rules ?? []), rule] });
  }

  /** The plain data: `Policy.from(policy.toJSON())` is the same policy. bigints of conditions are kept as such. */
  toJSON(): PolicyDescription {
    return structuredClone(this.#description);
  }

  [inspect.custom](): string {
    return `Policy ${inspect(this.#description, { depth: 4 })}`;
  }
}
