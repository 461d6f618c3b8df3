/** The narrowest policy under which a program can do again what it has done. */
import { SandboxError } from './errors.js';
import type { EventAddress, SyscallEvent } from './event-types.js';
import {
  type CallPattern,
  type NetworkRule,
  Policy,
  type PolicyDescription,
  type PolicyRule,
} from './policy.js';
import { isSyscall, type SyscallName, syscalls } from './syscalls.js';

/** Calls that one run makes and the next does not, by chance alone: of the C library's memory, locks, and the end. */
const chance: readonly SyscallName[] = ['brk', 'exit', 'exit_group', 'futex', 'munmap', 'rt_sigreturn'];
/** The same with threads. */
const threads: readonly SyscallName[] = [
  'getpid',
  'gettid',
  'madvise',
  'mmap',
  'mprotect',
  'rt_sigprocmask',
  'sched_yield',
  'set_robust_list',
  'tgkill',
];
/** Arguments that say what a call is: with few values, only these pass. */
const telling: Partial<Record<SyscallName, string>> = {
  fcntl: 'op',
  ioctl: 'op',
  prctl: 'option',
  socket: 'domain',
};
const mostValues = 32;
const mostNetworks = 500;

const atFdCwd = -100;
const atEmptyPath = 0x1000;
const prot = { write: 2, exec: 4 } as const;
const mapAnonymous = 0x20;
const socketType = { mask: 0xf, stream: 1, datagram: 2 } as const;
const family = { unix: 1, inet: 2, inet6: 10 } as const;
/** Which argument may lead to an address that the gate compares with a list of networks. */
const addresses: Partial<Record<SyscallName, number>> = { connect: 1, sendto: 4, sendmsg: 1, sendmmsg: 1 };

/** All calls, as a learned policy refuses them first. */
function families(): CallPattern[] {
  return [...new Set([...syscalls().values()].map((call) => `@${call.family}` as CallPattern))].sort();
}

const int = (event: SyscallEvent, index: number): number =>
  Number(BigInt.asIntN(32, event.arguments[index]?.value ?? 0n));

export class PolicyLearner {
  readonly #calls = new Map<SyscallName, Set<number>>();
  /** Whatever their arguments. */
  readonly #whole = new Set<SyscallName>();
  /** Rules of a policy that is widened which a run cannot have written: they stay, and decide last. */
  #foreign: readonly PolicyRule[] = [];
  readonly #networks = new Map<string, NetworkRule>();
  #anyAddress = false;
  #writeExecute = false;
  /** From writable to executable, or what looks like it. */
  #switches = false;

  take(event: SyscallEvent): void {
    const { syscall, verdict } = event;
    if (!isSyscall(syscall) || verdict === 'filter') return;
    const name = this.#asJudged(syscall, event);
    const values = this.#calls.get(name) ?? new Set();
    this.#calls.set(name, values);
    const argument = telling[name];
    if (argument !== undefined && values.size <= mostValues) {
      const index = syscalls().get(name)?.arguments.indexOf(argument) ?? -1;
      values.add(Number(BigInt.asUintN(32, event.arguments[index]?.value ?? 0n)));
    }
    this.#lookAtNetwork(name, event);
    this.#lookAtMemory(name, event);
  }

  /** Under a policy the gate takes newfstatat of a descriptor for the fstat that it is (monitor/dispatch.cc). */
  #asJudged(name: SyscallName, event: SyscallEvent): SyscallName {
    const isDisguised =
      name === 'newfstatat' &&
      int(event, 3) === atEmptyPath &&
      event.arguments[1]?.string === '' &&
      int(event, 0) !== atFdCwd;
    return isDisguised ? 'fstat' : name;
  }

  #lookAtNetwork(name: SyscallName, event: SyscallEvent): void {
    if (name === 'socket') {
      const type = int(event, 1) & socketType.mask;
      const usual = type === socketType.stream || type === socketType.datagram;
      const inet = int(event, 0) === family.inet || int(event, 0) === family.inet6;
      const goesByAddress = inet ? usual && [0, 6, 17].includes(int(event, 2)) : int(event, 0) !== 17;
      if (!goesByAddress) this.#anyAddress = true;
    }
    const index = addresses[name];
    if (index === undefined) return;
    const argument = event.arguments[index];
    const address: EventAddress | undefined = argument?.address;
    if (address && 'port' in address) {
      // Of several messages only the first one's is told.
      if (name === 'sendmmsg') this.#anyAddress = true;
      const rule = { address: address.address, ports: address.port };
      this.#networks.set(JSON.stringify(rule), rule);
    }
  }

  #lookAtMemory(name: SyscallName, event: SyscallEvent): void {
    const protection = name === 'mmap' || name === 'mprotect' || name === 'pkey_mprotect' ? int(event, 2) : 0;
    if (name === 'shmat' && int(event, 2) & 0o100000) this.#writeExecute = true; // SHM_EXEC
    if (!(protection & prot.exec)) return;
    const flags = name === 'mmap' ? int(event, 3) : 0;
    const isShared = (flags & 3) !== 2;
    if (protection & prot.write || (name === 'mmap' && isShared)) this.#writeExecute = true;
    else if (name !== 'mmap' || flags & mapAnonymous) this.#switches = true;
  }

  /**
   * Takes over what an earlier run has learned, so that policy() has both. Rules that were added to it by hand are kept. Throws
   * ERR_INVALID_OPTION when it is no policy that policy() has written.
   */
  widen(earlier: PolicyDescription): void {
    const { profile, rules = [], network, writeXorExecute } = Policy.from(earlier).toJSON();
    const [first, ...rest] = rules;
    const isLearned =
      profile === 'strict' && first?.action === 'deny' && first.calls.join() === families().join();
    if (!isLearned) {
      throw new SandboxError('ERR_INVALID_OPTION', 'The policy was not written by barchan policy learn', {
        path: 'policy',
        remedy: 'Give a file that "barchan policy learn -o FILE" has made.',
      });
    }
    this.#foreign = rest.filter((rule) => !this.#widenBy(rule));
    for (const rule of network ?? []) this.#networks.set(JSON.stringify(rule), rule);
    if (!network) this.#anyAddress = true;
    if (!writeXorExecute) this.#writeExecute = true;
    if (writeXorExecute === 'jit') this.#switches = true;
  }

  /** False for a rule that a run cannot have written. */
  #widenBy({ calls, action, when }: PolicyRule): boolean {
    if (action !== 'allow' || !calls.every(isSyscall)) return false;
    if (when === undefined) {
      for (const name of calls) this.#whole.add(name);
      return true;
    }
    const [name] = calls as [SyscallName];
    const value = when[telling[name] ?? ''];
    if (typeof value !== 'number' || Object.keys(when).length !== 1) return false;
    this.#calls.set(name, (this.#calls.get(name) ?? new Set()).add(value));
    return true;
  }

  policy(): PolicyDescription {
    const table = syscalls();
    const used = new Set<SyscallName>([...chance, ...this.#whole]);
    for (const name of this.#calls.keys()) used.add(name);
    if (used.has('clone') || used.has('clone3')) for (const name of threads) used.add(name);
    // Older forms are judged as the call that they become, too.
    for (const name of [...used]) {
      const call = table.get(name);
      if (call?.kind === 'rewritten' && call.target) used.add(call.target);
    }
    const rules: PolicyRule[] = [];
    rules.push({ calls: families(), action: 'deny' });
    const whole: SyscallName[] = [];
    for (const name of [...used].sort()) {
      const values = this.#calls.get(name);
      const argument = telling[name];
      const isWhole = argument === undefined || this.#whole.has(name);
      if (isWhole || values === undefined || values.size === 0 || values.size > mostValues) {
        whole.push(name);
        continue;
      }
      for (const value of [...values].sort((a, b) => a - b))
        rules.push({ calls: [name], action: 'allow', when: { [argument]: value } });
    }
    rules.splice(1, 0, { calls: whole, action: 'allow' });
    rules.push(...this.#foreign);
    const networks = [...this.#networks].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, rule]) => rule);
    const listed = !this.#anyAddress && this.#networks.size <= mostNetworks;
    return {
      profile: 'strict',
      rules,
      ...(listed ? { network: networks } : {}),
      ...(this.#writeExecute ? {} : { writeXorExecute: this.#switches ? ('jit' as const) : true }),
    };
  }
}
