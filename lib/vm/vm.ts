/** A program under a debugger's control: registers, memory, breakpoints, steps, watched pages, system calls, coverage. */
import { SandboxError } from '../errors.js';
import type { SpawnOptions } from '../options.js';
import type { GuestProcess, ProcessExit } from '../process.js';
import { type Sandbox, startDebugged } from '../sandbox.js';
import { signalName } from '../signals.js';
import { type SyscallName, syscalls } from '../syscalls.js';
import { ChannelClosed, DebugChannel } from './channel.js';
import { kindsOf, pageOf, pageSize, VmInspection } from './inspection.js';
import {
  type Action,
  access,
  encodeActions,
  encodeCalls,
  event,
  type Go,
  go,
  type Message,
  operation,
} from './message.js';
import type { AccessKind, ResumeOptions, VmStop, Watchpoint } from './types.js';

/** The widest access that counts as one on what lies behind its first byte. */
const widestAccess = 8n;

const nameOf = (number: number): SyscallName | undefined =>
  [...syscalls().values()].find((call) => call.number === number)?.name;

function kindOf(bit: number): AccessKind {
  return bit === access.executes ? 'execute' : bit === access.writes ? 'write' : 'read';
}

/** What the monitor has told and nobody has looked at yet. */
interface EventQueue {
  messages: Message[];
  wake: (() => void) | undefined;
}

interface End {
  exit?: ProcessExit;
  error?: unknown;
}

export interface ProgramStart {
  /** The executable's path, as the program sees it. */
  path: string;
  /** The stack pointer before the first instruction: argc lies there, then argv, the environment and the auxiliary vector. */
  stack: bigint;
  /** Bytes of an XSAVE area, and the processor features in it (XCR0). */
  stateSize: number;
  stateFeatures: bigint;
}

/**
 * `await using vm = await Vm.spawn(box, ['program'])` starts a program that stands before its first instruction, and ends it at
 * the end of the block. What needs a stopped program fails with ERR_VM_RUNNING otherwise, and with ERR_VM_ENDED
 * when there is none any more. One resumption at a time.
 */
export class Vm extends VmInspection implements AsyncDisposable {
  readonly #events: EventQueue;
  readonly #breakpoints = new Set<bigint>();
  readonly #watchpoints: Watchpoint[] = [];
  /** Threads that have been told of as standing at a breakpoint or a watched instruction, and where. */
  readonly #standing = new Map<number, bigint>();
  #calls = { entry: new Set<number>(), leave: new Set<number>() };
  #stop: VmStop | undefined;
  #program!: ProgramStart;
  /** Some thread runs. */
  #released = false;
  /** interrupt() was called, perhaps before it ran. */
  #interrupts = false;
  #exit: End | undefined;

  /**
   * Starts a program of a sandbox, stopped before its first instruction. Rejects as Sandbox.spawn() and, where the program
   * cannot be loaded, as GuestProcess.exited do.
   */
  static async spawn(box: Sandbox, argv: readonly string[], options: SpawnOptions = {}): Promise<Vm> {
    const events: EventQueue = { messages: [], wake: undefined };
    const channel = new DebugChannel((message) => {
      events.messages.push(message);
      events.wake?.();
    });
    try {
      const guest = await startDebugged(box, argv, options, channel.programFd);
      channel.started();
      const vm = new Vm(guest, channel, events);
      vm.running = true;
      try {
        vm.#stop = await vm.#next();
        if (vm.#stop.reason === 'exit') {
          throw new SandboxError(
            'ERR_VM_ENDED',
            `Cannot debug ${argv[0]}: it has ended before its first instruction`,
          );
        }
      } finally {
        vm.running = false;
      }
      return vm;
    } catch (error) {
      channel.close();
      throw error;
    }
  }

  private constructor(guest: GuestProcess, channel: DebugChannel, events: EventQueue) {
    super(guest, channel);
    this.#events = events;
    const ended = (exit: End): void => {
      this.#exit = exit;
      channel.close();
      events.wake?.();
    };
    guest.exited.then(
      (exit) => ended({ exit }),
      (error: unknown) => ended({ error }),
    );
  }

  /** Why it stands still; undefined while it runs. */
  get stop(): VmStop | undefined {
    return this.running ? undefined : this.#stop;
  }

  /** What it is at present, which an exec changes. */
  get program(): Readonly<ProgramStart> {
    return this.#program;
  }

  protected override get isOver(): boolean {
    return this.#exit !== undefined || this.detached;
  }

  override get tid(): number {
    return this.#stop && 'tid' in this.#stop ? this.#stop.tid : this.process.pid;
  }

  // ---- where it stops ---------------------------------------------------------------------------

  /**
   * Before the instruction at `address`, in a private copy of its page. Rejects with ERR_VM_BREAKPOINT where the mapping is
   * shared, or there are 1024.
   */
  async setBreakpoint(address: bigint): Promise<void> {
    if (this.#breakpoints.has(address)) return;
    await this.ask(`set a breakpoint at 0x${address.toString(16)}`, {
      operation: operation.setBreakpoint,
      address,
    });
    this.#breakpoints.add(address);
  }

  async removeBreakpoint(address: bigint): Promise<void> {
    if (!this.#breakpoints.delete(address)) return;
    await this.ask('remove a breakpoint', { operation: operation.clearBreakpoint, address });
  }

  get breakpoints(): bigint[] {
    return [...this.#breakpoints];
  }

  /**
   * Stops for uses of [address, address + length), by the guest's page tables: everything on these pages becomes slow, and what
   * the kernel does there for the program's calls is not seen. At most 1024 pages. ERR_VM_BREAKPOINT, ERR_INVALID_OPTION.
   */
  async watch(watchpoint: Watchpoint): Promise<void> {
    const { address, length } = watchpoint;
    if (!Number.isSafeInteger(length) || length <= 0 || kindsOf(watchpoint) === 0) {
      throw new SandboxError('ERR_INVALID_OPTION', 'Vm.watch: there is nothing to watch', {
        path: length > 0 ? 'read' : 'length',
        value: length,
        remedy: 'Give a length above 0, and one or more of read, write and execute.',
      });
    }
    this.#watchpoints.push({ ...watchpoint });
    try {
      await this.#retrap(address, BigInt(length));
    } catch (error) {
      this.#watchpoints.pop();
      throw error;
    }
  }

  /** Ends a watch() of the same bytes. */
  async unwatch(address: bigint, length: number): Promise<void> {
    const index = this.#watchpoints.findIndex((one) => one.address === address && one.length === length);
    if (index === -1) return;
    this.#watchpoints.splice(index, 1);
    await this.#retrap(address, BigInt(length));
  }

  /** The system calls that it stops before and behind from now on, an exec included; by name or number, or all. */
  async catchSyscalls(which: {
    entry?: readonly (SyscallName | number)[] | 'all';
    return?: readonly (SyscallName | number)[] | 'all';
  }): Promise<void> {
    const numbers = (list: readonly (SyscallName | number)[] | 'all' = []): Set<number> => {
      if (list === 'all') return new Set(Array.from({ length: 512 }, (_, nr) => nr));
      return new Set(list.map((one) => syscallNumber(one)));
    };
    this.#calls = { entry: numbers(which.entry), leave: numbers(which.return) };
    await this.#sendCalls();
  }

  /** At a 'syscallEntry': the call is not made, and returns this (a negative errno: it fails). */
  async finishSyscall(result: bigint | number, tid = this.tid): Promise<void> {
    await this.ask('finish a system call', { operation: operation.finish, tid, address: BigInt(result) });
  }

  // ---- going on -----------------------------------------------------------------------------------

  /** Lets it run; resolves when it stops again, or has ended. Rejects as GuestProcess.exited does. */
  resume(options: ResumeOptions = {}): Promise<VmStop> {
    return this.#go(go.run, options);
  }

  /** One instruction of one thread, by default of the one that it has stopped for, while the others stand still. */
  step(options: ResumeOptions = {}): Promise<VmStop> {
    return this.#go(go.step, { ...options, only: options.only ?? this.tid });
  }

  /** As resume(), with what each thread does: for those who know. Threads that are not named do `others`. */
  async resumeThreads(actions: readonly Action[], others: Go): Promise<VmStop> {
    this.#mustBeStopped();
    this.running = true;
    try {
      return await this.#proceed([...actions], others);
    } finally {
      this.running = this.#released = this.#interrupts = false;
    }
  }

  /** Stops it where it is: what waits for it to stop then has 'interrupt', unless something else was first. */
  async interrupt(): Promise<void> {
    if (!this.running) return;
    this.#interrupts = true;
    if (this.#released) await this.sendCommand({ operation: operation.interrupt });
  }

  /** Takes breakpoints and watched pages away and lets the program run on without a debugger. */
  async detach(): Promise<void> {
    if (this.detached || this.#exit) return;
    await this.sendCommand({ operation: operation.detach });
    this.detached = true;
    this.channel.close();
  }

  /** Ends the program, unless it was detached. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.detached) await this.process.end();
    this.channel.close();
  }

  async #go(how: Go, { only, signal = true }: ResumeOptions): Promise<VmStop> {
    const at = this.#stop;
    const actions: Action[] = [];
    const target = only ?? this.tid;
    if (at?.reason === 'fault' || typeof signal === 'number') {
      const fault = at?.reason === 'fault' && signal === true ? Number(this.#faultNumber) : 0;
      actions.push({ tid: target, go: how, signal: typeof signal === 'number' ? signal : fault });
    } else if (only !== undefined || how !== go.run) {
      actions.push({ tid: target, go: how });
    }
    return this.resumeThreads(actions, only === undefined ? go.run : go.stay);
  }

  #faultNumber = 0;

  async #proceed(actions: Action[], others: Go): Promise<VmStop> {
    const goes = (tid: number): Go => actions.find((action) => action.tid === tid)?.go ?? others;
    // Who stands at a breakpoint goes over its instruction first, alone.
    for (const [tid, address] of this.#standing) {
      if (goes(tid) === go.stay) continue;
      this.#standing.delete(tid);
      const registers = await this.registersOf(tid).catch(() => undefined);
      if (registers?.registers.rip !== address) continue;
      const stop = await this.#passOver(tid, address, [pageOf(address)], actions);
      if (stop) return this.#stopped(stop);
      if (goes(tid) === go.step) return this.#stopped({ reason: 'step', tid });
    }
    for (;;) {
      await this.#resumeNow(actions, others);
      const stop = await this.#next(goes);
      if (stop) return this.#stopped(stop);
    }
  }

  #stopped(stop: VmStop): VmStop {
    this.#stop = stop;
    if (stop.reason === 'breakpoint' || (stop.reason === 'watch' && stop.kind === 'execute'))
      this.#standing.set(stop.tid, stop.address);
    return stop;
  }

  async #resumeNow(actions: readonly Action[], others: Go): Promise<void> {
    this.mustExist();
    const command = { operation: operation.resume, kinds: others, data: encodeActions(actions) };
    try {
      const reply = await this.channel.request(command);
      if (reply.error !== 0) throw this.failure('resume', reply.error, command);
    } catch (error) {
      // It went on, and was no more, or another program, before the reply was sent: what comes next says which.
      if (!(error instanceof ChannelClosed)) throw error;
      return;
    }
    // A signal is sent once.
    for (const action of actions) delete action.signal;
    this.#released = true;
    if (this.#interrupts) await this.sendCommand({ operation: operation.interrupt });
  }

  /** The next stop; undefined with `goes` for one that nobody has asked for, from which it may go on as before. */
  async #next(): Promise<VmStop>;
  async #next(goes: (tid: number) => Go): Promise<VmStop | undefined>;
  async #next(goes: (tid: number) => Go = () => go.run): Promise<VmStop | undefined> {
    const message = await this.#event();
    if (!message) return { reason: 'exit', exit: this.#exit?.exit as ProcessExit };
    return message.kind === event.trapped ? this.#trapped(message, goes) : this.#told(message);
  }

  /** Undefined: the program has ended. */
  async #event(): Promise<Message | undefined> {
    for (;;) {
      const message = this.#events.messages.shift();
      if (message) {
        this.#released = false;
        return message;
      }
      if (this.#exit?.error) throw this.#exit.error;
      if (this.#exit) return undefined;
      await new Promise<void>((resolve) => (this.#events.wake = resolve));
      this.#events.wake = undefined;
    }
  }

  async #told(message: Message): Promise<VmStop> {
    const { tid, a, b, c } = message;
    switch (message.kind) {
      case event.started:
      case event.executed:
        return this.#began(message);
      case event.breakpoint:
        return { reason: 'breakpoint', tid, address: a };
      case event.interrupted:
        return { reason: 'interrupt', tid: (await this.threads())[0]?.tid ?? this.process.pid };
      case event.fault:
        this.#faultNumber = Number(a);
        return {
          reason: 'fault',
          tid,
          signal: signalName(Number(a)),
          code: Number(BigInt.asIntN(32, b)),
          address: c,
        };
      case event.callEntry: {
        const { rdi, rsi, rdx, r10, r8, r9 } = await this.registers(tid);
        const number = Number(a);
        return {
          reason: 'syscallEntry',
          tid,
          number,
          name: nameOf(number),
          args: [rdi, rsi, rdx, r10, r8, r9],
        };
      }
      case event.callReturn: {
        const number = Number(a);
        return { reason: 'syscallReturn', tid, number, name: nameOf(number), result: BigInt.asIntN(64, b) };
      }
      default:
        return { reason: 'step', tid };
    }
  }

  async #began(message: Message): Promise<VmStop> {
    const { tid, data } = message;
    this.#program = {
      stack: data.readBigUInt64LE(0),
      stateSize: Number(data.readBigUInt64LE(8)),
      stateFeatures: data.readBigUInt64LE(16),
      path: data.toString('utf8', 24),
    };
    const executed = message.kind === event.executed;
    if (executed) {
      this.#breakpoints.clear();
      this.#watchpoints.length = 0;
      this.#standing.clear();
      if (this.#calls.entry.size + this.#calls.leave.size > 0) await this.#sendCalls();
    }
    return { reason: executed ? 'exec' : 'start', tid, path: this.#program.path };
  }

  async #sendCalls(): Promise<void> {
    const data = encodeCalls(this.#calls.entry, this.#calls.leave);
    await this.ask('choose system calls', { operation: operation.calls, data });
  }

  // ---- watched pages -----------------------------------------------------------------------------

  /** What the traps of the pages of [address, address + length) must be. */
  async #retrap(address: bigint, length: bigint): Promise<void> {
    for (let page = pageOf(address); page < address + length; page += pageSize) {
      let kinds = 0;
      for (const one of this.#watchpoints) {
        if (one.address < page + pageSize && one.address + BigInt(one.length) > page) kinds |= kindsOf(one);
      }
      await this.#trap(page, kinds);
    }
  }

  async #trap(page: bigint, kinds: number): Promise<void> {
    const command = { operation: operation.trap, address: page, length: pageSize, kinds };
    await this.ask(`watch the page 0x${page.toString(16)}`, command);
  }

  /** Whether an access that begins at `address` is one that somebody watches. */
  #isWatched(address: bigint, kind: number): boolean {
    const width = kind === access.executes ? 1n : widestAccess;
    return this.#watchpoints.some(
      (one) =>
        (kindsOf(one) & kind) !== 0 &&
        address < one.address + BigInt(one.length) &&
        address + width > one.address,
    );
  }

  async #trapped(message: Message, goes: (tid: number) => Go): Promise<VmStop | undefined> {
    const { tid, a: address } = message;
    const kind = Number(message.b);
    const hit = this.#isWatched(address, kind);
    if (hit && kind === access.executes) return { reason: 'watch', tid, address, kind: 'execute' };
    const { rip } = await this.registers(tid);
    const found: { address: bigint; kind: number }[] = hit ? [{ address, kind }] : [];
    const stop = await this.#passOver(tid, rip, [pageOf(address)], [], found);
    if (stop) return stop;
    const [first] = found;
    if (first) return { reason: 'watch', tid, address: first.address, kind: kindOf(first.kind) };
    return goes(tid) === go.step ? { reason: 'step', tid } : undefined;
  }

  /**
   * Has one thread do the instruction at `rip`, with no breakpoint there and nothing watched on `pages`, and the other threads
   * stopped. What it touches of other watched pages goes to `found`. Undefined: it has; else what came in between.
   */
  async #passOver(
    tid: number,
    rip: bigint,
    pages: bigint[],
    actions: readonly Action[],
    found: { address: bigint; kind: number }[] = [],
  ): Promise<VmStop | undefined> {
    const lifts = this.#breakpoints.has(rip);
    if (lifts) await this.ask('lift a breakpoint', { operation: operation.clearBreakpoint, address: rip });
    if (this.#watchpoints.length > 0) for (const page of pages) await this.#trap(page, 0);
    const signal = actions.find((action) => action.tid === tid)?.signal;
    let stop: VmStop | undefined;
    let alive = true;
    for (;;) {
      await this.#resumeNow([{ tid, go: go.stepOver, signal }], go.stay);
      const message = await this.#event();
      if (!message) {
        alive = false;
        stop = { reason: 'exit', exit: this.#exit?.exit as ProcessExit };
      } else if (message.kind === event.trapped && message.tid === tid) {
        const page = pageOf(message.a);
        if (this.#isWatched(message.a, Number(message.b)))
          found.push({ address: message.a, kind: Number(message.b) });
        pages.push(page);
        await this.#trap(page, 0);
        continue;
      } else if (message.kind !== event.stepped) {
        stop = await this.#told(message);
      }
      break;
    }
    if (alive && stop?.reason !== 'exec') {
      // Interrupted before it could: it still stands there.
      const now = stop && (await this.registersOf(tid).catch(() => undefined));
      if (now?.registers.rip === rip && lifts) this.#standing.set(tid, rip);
      if (lifts && this.#breakpoints.has(rip))
        await this.sendCommand({ operation: operation.setBreakpoint, address: rip });
      if (this.#watchpoints.length > 0) for (const page of pages) await this.#retrap(page, 1n);
    }
    return stop;
  }

  // ---- the channel ----------------------------------------------------------------------------------

  #mustBeStopped(): void {
    this.mustExist();
    if (this.running) {
      throw new SandboxError('ERR_VM_RUNNING', 'Cannot resume: the program is running already', {
        remedy: 'Wait for the resumption before, or call interrupt().',
      });
    }
  }
}

function syscallNumber(one: SyscallName | number): number {
  const number = typeof one === 'number' ? one : syscalls().get(one)?.number;
  if (number !== undefined && Number.isInteger(number) && number >= 0 && number < 512) return number;
  throw new SandboxError('ERR_INVALID_OPTION', `Vm.catchSyscalls: there is no system call ${String(one)}`, {
    value: one,
    remedy: 'Give a name of docs/syscalls.md, or a number below 512.',
  });
}
