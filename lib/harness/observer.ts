/**
 * Turns the events of a sample into lists of bounded length.
 *
 * A sample can make calls faster than they can be read. What it does is never dropped for that (back-pressure holds the sample),
 * but a call that it makes very often, and that says nothing but that it was made, is no longer looked at after a while.
 */
import { Audit, type AuditReport, auditedCalls } from '../audit.js';
import type { EventOf, FaultEvent, LimitEvent, SandboxEvent, SyscallEvent } from '../event-types.js';
import type { ProcessExit } from '../process.js';
import type { Sandbox } from '../sandbox.js';
import { isSyscall, type SyscallName, syscalls } from '../syscalls.js';
import { MemoryTracker, memoryCalls } from './memory.js';
import type { Evidence, Verdict, VerdictFault, VerdictLimit, VerdictSyscall } from './verdict.js';

const mostSyscalls = 600;
const mostFaults = 1000;
const mostLimits = 1000;
const mostErrnos = 100;
const mostNames = 1000;
/** From here up to the end of the lower half lie the monitor and the gate (docs/design.md). */
const arenaEnd = 0x680000000000n;
const lowerHalfEnd = 1n << 47n;
const generalProtection = 13;

/** Errnos with which a kernel says that somebody may not. */
const refusals = new Set(['EPERM', 'EACCES', 'EROFS']);
/** Made by the C library of every program as it starts, whether the policy lets it or not. */
const ofTheLibrary = new Set(['rseq']);
const unreachable = new Set(['ENETUNREACH', 'EHOSTUNREACH', 'EADDRNOTAVAIL', 'ENETDOWN']);

export type Observed = Pick<
  Verdict,
  'syscalls' | 'faults' | 'executable' | 'selfModification' | 'limits' | 'omitted'
> & { audit: AuditReport; openedUnseen: string[]; evidence: Evidence[] };

export interface ObserverOptions {
  command: readonly string[];
  cwd: string;
  /** Of one call, before it is no longer looked at. */
  callsEach: number;
  /** There is no way out of its network namespace. */
  noNetwork: boolean;
}

export class Observer {
  readonly #audit: Audit;
  readonly #memory = new MemoryTracker();
  readonly #options: ObserverOptions;
  readonly #always: ReadonlySet<string>;
  readonly #syscalls = new Map<string, VerdictSyscall>();
  readonly #ignored = new Set<string>();
  readonly #faults = new Map<string, VerdictFault>();
  readonly #limits = new Map<string, VerdictLimit>();
  readonly #errnos = new Map<string, Evidence>();
  /** By calls that do not show how they open. */
  readonly #openedUnseen = new Set<string>();
  readonly #monitorFaults: Evidence[] = [];
  #start: number | undefined;
  #box: Sandbox | undefined;
  #listener: ((event: SyscallEvent) => void) | undefined;
  #narrowing = false;
  #omitted = 0;
  events = 0;
  calls = 0;
  processes = 0;

  constructor(options: ObserverOptions) {
    this.#options = options;
    this.#audit = new Audit(options.command, options.cwd);
    this.#always = new Set<string>([...auditedCalls(), ...memoryCalls]);
  }

  /** Before the first program. Throws as Sandbox.on(). */
  watch(box: Sandbox): void {
    this.#box = box;
    for (const kind of ['exec', 'fork', 'exit', 'fault', 'limit', 'violation'] as const)
      box.on(kind, (event: EventOf<typeof kind>) => this.#take(event));
    this.#listen();
  }

  /** (Again) to all calls but those that are ignored. */
  #listen(): void {
    const old = this.#listener;
    const listener = (event: SyscallEvent): void => {
      // While one takes the place of the other, both are told.
      if (this.#listener === listener) this.#take(event);
    };
    this.#listener = listener;
    const names = [...syscalls().keys()].filter((name) => !this.#ignored.has(name));
    this.#box?.on('syscall', listener, this.#ignored.size === 0 ? {} : { syscalls: names });
    if (old) this.#box?.off('syscall', old);
  }

  #ignore(name: SyscallName): void {
    this.#ignored.add(name);
    if (this.#narrowing) return;
    this.#narrowing = true;
    // Not while the ring is being read.
    setImmediate(() => {
      this.#narrowing = false;
      try {
        this.#listen();
      } catch {
        // The sandbox is closed: there is nothing more to hear.
      }
    });
  }

  #at(time: number): number {
    return Math.max(0, Math.round((time - (this.#start ?? time)) * 1000) / 1000);
  }

  #take(event: Exclude<SandboxEvent, { kind: 'drop' }>): void {
    this.events++;
    if (event.first) this.#start ??= event.time;
    this.#audit.take(event);
    switch (event.kind) {
      case 'syscall':
        this.#call(event);
        break;
      case 'fork':
        if (!event.thread) this.processes++;
        this.#memory.fork(event);
        break;
      case 'exec':
        this.#memory.exec(event.pid);
        break;
      case 'exit':
        this.#memory.end(event.pid);
        break;
      case 'fault':
        this.#fault(event);
        break;
      case 'limit':
        this.#limit(event);
        break;
      default:
    }
  }

  #call(event: SyscallEvent): void {
    this.calls++;
    const { syscall, errno } = event;
    const atMs = this.#at(event.time);
    const known = this.#syscalls.get(syscall);
    if (known) {
      known.calls++;
      if (errno !== undefined) known.failures++;
      if (
        known.calls >= this.#options.callsEach &&
        !known.atLeast &&
        !this.#always.has(syscall) &&
        isSyscall(syscall)
      ) {
        known.atLeast = true;
        this.#ignore(syscall);
      }
    } else if (this.#syscalls.size < mostSyscalls) {
      const failures = errno === undefined ? 0 : 1;
      this.#syscalls.set(syscall, { name: syscall, calls: 1, failures, firstMs: atMs });
    } else this.#omitted++;
    this.#memory.take(event, atMs);
    if (syscall === 'openat2' && errno === undefined) {
      const name = event.arguments[1]?.string;
      if (name !== undefined && this.#openedUnseen.size < mostNames) this.#openedUnseen.add(name);
    }
    if (errno !== undefined && (event.verdict === 'allow' || event.verdict === 'log'))
      this.#errno(event, errno, atMs);
  }

  #errno(event: SyscallEvent, errno: string, atMs: number): void {
    const toNetwork =
      event.syscall === 'connect' || event.syscall === 'sendto' || event.syscall === 'sendmsg';
    const isolated = toNetwork && this.#options.noNetwork && unreachable.has(errno);
    if (!isolated && !refusals.has(errno)) return;
    const key = `${event.syscall} ${errno}`;
    if (this.#errnos.has(key) || this.#errnos.size >= mostErrnos) return;
    this.#errnos.set(key, {
      layer: isolated ? 'namespace' : 'kernel',
      kind: 'errno',
      text: event.text,
      atMs,
    });
  }

  #fault(event: FaultEvent): void {
    const { signal, code, vector, pid } = event;
    const hexadecimal = (value: bigint): string => `0x${value.toString(16)}`;
    const [address, instruction] = [hexadecimal(event.address), hexadecimal(event.instruction)];
    const atMs = this.#at(event.time);
    const above = event.address >= arenaEnd && event.address < lowerHalfEnd;
    if ((above || vector === generalProtection) && this.#monitorFaults.length < mostErrnos) {
      const text = above
        ? `${signal}: an access to ${address}, which is not the sample's address space, at instruction ${instruction}`
        : `${signal}: the processor refused the instruction at ${instruction}, or the address that it used`;
      if (!this.#monitorFaults.some((known) => known.text === text))
        this.#monitorFaults.push({ layer: 'ept', kind: 'fault', text, atMs });
    }
    const key = `${signal} ${code} ${vector} ${instruction}`;
    const known = this.#faults.get(key);
    if (known) known.count++;
    else if (this.#faults.size < mostFaults)
      this.#faults.set(key, { signal, code, address, instruction, vector, pid, atMs, count: 1 });
    else this.#omitted++;
  }

  #limit(event: LimitEvent): void {
    const { limit, syscall, errno } = event;
    const key = `${limit} ${syscall} ${errno}`;
    const known = this.#limits.get(key);
    if (known) known.count++;
    else if (this.#limits.size < mostLimits)
      this.#limits.set(key, { limit, syscall, errno, count: 1, firstMs: this.#at(event.time) });
    else this.#omitted++;
  }

  /** When no program is left. */
  result(box: Sandbox, exit: ProcessExit | undefined): Observed {
    const audit = this.#audit.report(exit, box.eventCounters);
    const limits = [...this.#limits.values()];
    const evidence: Evidence[] = [...this.#monitorFaults];
    for (const { syscall, verdict, text, calls, atMs } of audit.denied) {
      if (evidence.length >= mostNames) break;
      if (verdict === 'filter' || ofTheLibrary.has(syscall)) continue;
      const layer = verdict === 'refuse' ? 'gate' : 'policy';
      evidence.push({ layer, kind: 'denied', text: calls > 1 ? `${text} (${calls} times)` : text, atMs });
    }
    for (const { limit, syscall, errno, firstMs } of limits)
      evidence.push({
        layer: 'limit',
        kind: 'limit',
        text:
          syscall === undefined ? `${limit}: the program was ended` : `${limit}: ${syscall} gave ${errno}`,
        atMs: firstMs,
      });
    evidence.push(...this.#errnos.values());
    return {
      audit,
      syscalls: [...this.#syscalls.values()],
      faults: [...this.#faults.values()],
      executable: this.#memory.executable,
      selfModification: this.#memory.selfModification,
      limits,
      omitted: audit.omitted + this.#omitted + this.#memory.omitted,
      openedUnseen: [...this.#openedUnseen],
      evidence,
    };
  }
}
