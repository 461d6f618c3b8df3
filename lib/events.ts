/** The events of one sandbox: who wants which, and the way from the shared memory (native/abi/events.h) to them. */
import { breachText, type MonitorBreach } from './breach.js';
import { logger } from './debug.js';
import { SandboxError, toSandboxError } from './errors.js';
import { decodeRecord, MalformedRecord } from './event-record.js';
import { EventStream } from './event-stream.js';
import type {
  DropEvent,
  EventCounters,
  EventFilter,
  EventKind,
  EventOf,
  EventOptions,
  EventStreamOptions,
  LimitEvent,
  SandboxEvent,
  SyscallEvent,
} from './event-types.js';
import { type EventRing, native } from './native.js';
import type { ProcessExit } from './process.js';
import { syscalls } from './syscalls.js';

const log = logger('events');

const defaultSlots = 1024;
/** Records that are handed out before other work of this thread gets its turn. */
const batch = 512;
/** After the last record: so long Node looks again by itself before monitors have to wake it. */
const lingerMs = 2;
/** A monitor that is killed at the wrong moment wakes nobody. */
const lookMs = 500;

/** Bits of EventControl::watch. */
const watchBits: Record<Exclude<EventKind, 'breach' | 'drop'>, number> = {
  syscall: 1 << 0,
  violation: 1 << 1,
  log: 1 << 2,
  exec: 1 << 3,
  fork: 1 << 4,
  exit: 1 << 5,
  fault: 1 << 6,
  signal: 1 << 7,
  limit: 1 << 8,
  injection: 1 << 9,
};
/** The sandbox's limits that end a program. */
const ownLimits = { memory: 'memory', wallMs: 'time', cpuMs: 'processor', output: 'output' } as const;
const everyCall = 2n ** 64n - 1n;

export interface Subscriber {
  kinds: ReadonlySet<EventKind>;
  /** Numbers; undefined: all. */
  calls: ReadonlySet<number> | undefined;
  take(event: SandboxEvent): void;
  /** It has more than it can hold, and nothing may be dropped. */
  isFull?(): boolean;
  end?(): void;
}

/** What the start of a program passes on. */
export interface ProgramEvents {
  memoryFd: number;
  wakeFd: number;
  programId: number;
}

interface Program {
  /** As the guest sees its first process. */
  pid?: number;
  exitSeen: boolean;
}

export class Events {
  readonly #blocks: boolean;
  readonly #slots: number;
  #ring: EventRing | undefined;
  #failure: SandboxError | undefined;
  readonly #subscribers = new Set<Subscriber>();
  readonly #programs = new Map<number, Program>();
  #programCount = 0;
  #closed = false;
  #pumping = false;
  #timer: NodeJS.Timeout | undefined;
  #look: NodeJS.Timeout | undefined;
  #delivered = 0;
  #malformed = 0;
  /** What a 'drop' event has told. */
  #told = { dropped: 0, lost: 0, malformed: 0 };
  #last: EventCounters = { delivered: 0, dropped: 0, lost: 0, malformed: 0 };

  constructor(options: EventOptions = {}) {
    this.#blocks = options.backpressure === 'block';
    this.#slots = options.slots ?? defaultSlots;
    try {
      this.#ring = native().addon.createEventRing(this.#slots, this.#blocks, () => this.#pump());
    } catch (error) {
      // A sandbox whose events nobody asks for does without.
      this.#failure = toSandboxError(error, 'Cannot observe the sandbox');
      log('%s', this.#failure.message);
    }
  }

  get blocks(): boolean {
    return this.#blocks;
  }

  get counters(): EventCounters {
    if (this.#ring) {
      const { dropped, lost, malformed } = this.#ring.counters();
      this.#last = { delivered: this.#delivered, dropped, lost, malformed: malformed + this.#malformed };
    }
    return { ...this.#last };
  }

  programStarts(): { programId: number; memory: ProgramEvents | undefined } {
    const programId = ++this.#programCount;
    this.#programs.set(programId, { exitSeen: false });
    const ring = this.#ring;
    return { programId, memory: ring && { memoryFd: ring.memoryFd, wakeFd: ring.wakeFd, programId } };
  }

  /** Before whoever waits for the end is told: all that the program has told is given out by then. */
  programEnded(programId: number, pid: number, exit: ProcessExit | undefined): void {
    this.drain();
    const program = this.#programs.get(programId);
    if (!program || !exit) return;
    const base = {
      sequence: 0,
      time: Date.now(),
      pid: program.pid ?? pid,
      tid: program.pid ?? pid,
      program: programId,
      first: true,
    };
    const limit = exit.limit ? ownLimits[exit.limit] : exit.timedOut ? 'time' : undefined;
    if (limit) this.#give({ kind: 'limit', ...base, limit });
    if (!program.exitSeen)
      this.#give({ kind: 'exit', ...base, exitCode: exit.exitCode, signal: exit.signal });
  }

  /** No process of it is left. */
  programGone(programId: number): void {
    this.drain();
    this.#programs.delete(programId);
    if (this.#programs.size === 0) this.#ring?.resetClaims();
  }

  /** What Node itself finds out. */
  limit(programId: number, pid: number, limit: LimitEvent['limit']): void {
    const seen = this.#programs.get(programId)?.pid ?? pid;
    const base = { sequence: 0, time: Date.now(), pid: seen, tid: seen, program: programId, first: true };
    this.#give({ kind: 'limit', ...base, limit });
  }

  /** After what the program has told so far. */
  breach(programId: number, pid: number, { pid: hostPid, guestPid, guestTid, ...call }: MonitorBreach): void {
    this.drain();
    const first = this.#programs.get(programId)?.pid ?? pid;
    this.#give({
      kind: 'breach',
      sequence: 0,
      time: Date.now(),
      pid: guestPid ?? first,
      tid: guestTid ?? guestPid ?? first,
      program: programId,
      first: hostPid === pid,
      hostPid,
      ...call,
      text: breachText({ pid: hostPid, guestPid, guestTid, ...call }),
    });
  }

  /** Throws ERR_SANDBOX_CLOSED, ERR_SYSTEM. */
  add(subscriber: Subscriber): void {
    if (this.#closed)
      throw new SandboxError('ERR_SANDBOX_CLOSED', 'Cannot observe the sandbox: it is closed');
    if (this.#failure) throw this.#failure;
    this.#subscribers.add(subscriber);
    this.#watch();
    this.#look ??= setInterval(() => this.#pump(), lookMs).unref();
    this.#pump();
  }

  remove(subscriber: Subscriber): void {
    if (!this.#subscribers.delete(subscriber)) return;
    if (this.#closed) return;
    // What was told before is not for the next one.
    if (this.#subscribers.size === 0) {
      clearInterval(this.#look);
      this.#look = undefined;
      this.#ring?.watch(0, new BigUint64Array(8));
      this.#readAll();
    } else {
      this.#watch();
      this.#pump();
    }
  }

  stream<Kind extends EventKind>(options: EventStreamOptions<Kind>): AsyncIterableIterator<EventOf<Kind>> {
    return new EventStream(this, options) as unknown as AsyncIterableIterator<EventOf<Kind>>;
  }

  /** Gives out everything that has been told so far. */
  drain(): void {
    if (this.#closed || this.#subscribers.size === 0) return;
    this.#readAll();
    this.#tellDrops();
  }

  /** A stream has room again. */
  resume(): void {
    this.#pump();
  }

  close(): void {
    if (this.#closed) return;
    // Nobody writes any more: a stream that is full takes the rest.
    if (this.#subscribers.size > 0) this.#readAll(true);
    this.#tellDrops();
    this.#closed = true;
    clearInterval(this.#look);
    clearTimeout(this.#timer);
    this.#ring?.close();
    this.#ring = undefined;
    for (const subscriber of this.#subscribers) subscriber.end?.();
    this.#subscribers.clear();
  }

  #watch(): void {
    let kinds = 0;
    const calls = new BigUint64Array(8);
    for (const subscriber of this.#subscribers) {
      for (const kind of subscriber.kinds) if (kind !== 'breach' && kind !== 'drop') kinds |= watchBits[kind];
      if (!subscriber.kinds.has('syscall')) continue;
      if (subscriber.calls === undefined) calls.fill(everyCall);
      else
        for (const number of subscriber.calls)
          calls[number >> 6] = (calls[number >> 6] ?? 0n) | (1n << BigInt(number & 63));
    }
    this.#ring?.watch(kinds, calls);
  }

  #mustWait(): boolean {
    if (!this.#blocks) return false;
    for (const subscriber of this.#subscribers) if (subscriber.isFull?.()) return true;
    return false;
  }

  #pump(): void {
    if (this.#closed || this.#pumping || this.#subscribers.size === 0) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#mustWait()) {
      // Reads nothing, but says that Node is alive.
      this.#ring?.drain(0);
      return;
    }
    this.#pumping = true;
    const count = this.#read();
    this.#tellDrops();
    if (count > 0) {
      setImmediate(() => {
        this.#pumping = false;
        this.#pump();
      });
      return;
    }
    this.#pumping = false;
    this.#timer = setTimeout(() => {
      if (this.#closed || this.#pumping) return;
      if (this.#ring?.sleep() === false) this.#pump();
    }, lingerMs).unref();
  }

  /** What is there now; a guest that goes on telling cannot hold Node here. */
  #readAll(evenFull = false): void {
    for (let rounds = this.#slots / batch + 1; rounds > 0; rounds--) {
      if ((!evenFull && this.#mustWait()) || this.#read() === 0) return;
    }
  }

  #read(): number {
    const bytes = this.#ring?.drain(batch);
    if (!bytes) return 0;
    let count = 0;
    for (let at = 0; at < bytes.length; count++) {
      // The reader in the addon has made sure of the size.
      const size = bytes.readUInt32LE(at);
      const record = bytes.subarray(at, at + size);
      at += size;
      try {
        this.#take(decodeRecord(record));
      } catch (error) {
        if (!(error instanceof MalformedRecord)) throw error;
        this.#malformed++;
        log('malformed record: %s', error.message);
      }
    }
    return count;
  }

  #take(event: SandboxEvent): void {
    if (event.kind !== 'drop' && event.first) {
      const program = this.#programs.get(event.program);
      if (program) {
        program.pid = event.pid;
        if (event.kind === 'exit') program.exitSeen = true;
      }
    }
    if (event.kind !== 'syscall') {
      this.#give(event);
      return;
    }
    this.#give(event);
    const { verdict } = event;
    if (verdict === 'log') this.#give({ ...event, kind: 'log' });
    else if (verdict === 'deny' || verdict === 'kill') this.#give({ ...event, kind: 'violation', verdict });
  }

  #give(event: SandboxEvent): void {
    for (const subscriber of [...this.#subscribers]) {
      if (!subscriber.kinds.has(event.kind)) continue;
      if (event.kind === 'syscall' && !wantsCall(subscriber, event)) continue;
      this.#delivered++;
      try {
        subscriber.take(event);
      } catch (error) {
        // A listener's own mistake, which must not cost others their events.
        process.nextTick(() => {
          throw error;
        });
      }
    }
  }

  #tellDrops(): void {
    const now = this.counters;
    const told = this.#told;
    const more = (name: keyof typeof told): number => Math.max(0, now[name] - told[name]);
    const event: DropEvent = {
      kind: 'drop',
      time: Date.now(),
      dropped: more('dropped'),
      lost: more('lost'),
      malformed: more('malformed'),
    };
    if (event.dropped + event.lost + event.malformed === 0) return;
    this.#told = { dropped: now.dropped, lost: now.lost, malformed: now.malformed };
    this.#give(event);
  }
}

function wantsCall(subscriber: Subscriber, event: SyscallEvent): boolean {
  return subscriber.calls === undefined || subscriber.calls.has(event.number);
}

/** Throws ERR_INVALID_OPTION for a filter that is none. */
export function callNumbers(filter: EventFilter, path: string): ReadonlySet<number> | undefined {
  if (filter.syscalls === undefined) return undefined;
  const table = syscalls();
  return new Set(
    filter.syscalls.map((name, i) => {
      const call = table.get(name);
      if (call) return call.number;
      throw new SandboxError('ERR_INVALID_OPTION', `${path}.syscalls[${i}] is no system call`, {
        path: `${path}.syscalls[${i}]`,
        value: name,
        remedy: 'See docs/syscalls.md.',
      });
    }),
  );
}
