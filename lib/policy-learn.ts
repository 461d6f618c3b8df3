/** The narrowest policy under which a program can do again what it has done. */
import type { EventAddress, SyscallEvent } from './event-types.js';
import type { CallPattern, NetworkRule, PolicyDescription, PolicyRule } from './policy.js';
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

const int = (event: SyscallEvent, index: number): number =>
  Number(BigInt.asIntN(32, event.arguments[index]?.value ?? 0n));

export class PolicyLearner {
  readonly #calls = new Map<SyscallName, Set<number>>();
  readonly #networks = new Map<string, NetworkRule>();
  #anyAddress = false;
  #writeExecute = false;

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
      this.#networks.set(`${rule.address} ${rule.ports}`, rule);
    }
  }

  #lookAtMemory(name: SyscallName, event: SyscallEvent): void {
    const protection = name === 'mmap' || name === 'mprotect' || name === 'pkey_mprotect' ? int(event, 2) : 0;
    if (name === 'shmat' && int(event, 2) & 0o100000) this.#writeExecute = true; // SHM_EXEC
    if (!(protection & prot.exec)) return;
    const flags = name === 'mmap' ? int(event, 3) : 0;
    const isShared = (flags & 3) !== 2;
    if (name !== 'mmap' || protection & prot.write || isShared || flags & mapAnonymous)
      this.#writeExecute = true;
  }

  policy(): PolicyDescription {
    const table = syscalls();
    const used = new Set<SyscallName>(chance);
    for (const name of this.#calls.keys()) used.add(name);
    if (used.has('clone') || used.has('clone3')) for (const name of threads) used.add(name);
    // Older forms are judged as the call that they become, too.
    for (const name of [...used]) {
      const call = table.get(name);
      if (call?.kind === 'rewritten' && call.target) used.add(call.target);
    }
    const rules: PolicyRule[] = [];
    const families = [...new Set([...table.values()].map((call) => `@${call.family}` as CallPattern))].sort();
    rules.push({ calls: families, action: 'deny' });
    const whole: SyscallName[] = [];
    for (const name of [...used].sort()) {
      const values = this.#calls.get(name);
      const argument = telling[name];
      if (argument === undefined || values === undefined || values.size === 0 || values.size > mostValues) {
        whole.push(name);
        continue;
      }
      for (const value of [...values].sort((a, b) => a - b))
        rules.push({ calls: [name], action: 'allow', when: { [argument]: value } });
    }
    rules.splice(1, 0, { calls: whole, action: 'allow' });
    const listed = !this.#anyAddress && this.#networks.size <= mostNetworks;
    return {
      profile: 'strict',
      rules,
      ...(listed ? { network: [...this.#networks.values()] } : {}),
      ...(this.#writeExecute ? {} : { writeXorExecute: true }),
    };
  }
}
