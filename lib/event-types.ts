/** What a sandbox tells about its programs. Everything in an event is a guest's doing: names may hold any bytes. */
import type { MonitorBreach } from './breach.js';
import type { SyscallName } from './syscalls.js';

export interface EventBase {
  /** Ascending in the order of what happened, within a sandbox; a number that is missing was dropped or lost. */
  sequence: number;
  /** Milliseconds since 1970, with a fraction. */
  time: number;
  /** As the guest sees it: with isolation each program has its own numbers. */
  pid: number;
  tid: number;
  /** Which program of the sandbox: GuestProcess.program. */
  program: number;
  /** The program's first process, which Node has started. */
  first: boolean;
}

export type EventAddress =
  | { family: 'AF_INET' | 'AF_INET6'; address: string; port: number }
  | { family: 'AF_UNIX'; path: string; abstract: boolean }
  | { family: `AF_${string}` };

export interface EventArgument {
  /** As in docs/syscalls.md. */
  name: string;
  /** The register. */
  value: bigint;
  /** As `barchan trace` shows it: printable ASCII, the rest escaped. */
  text: string;
  /** A path or another string, cut at about 400 bytes; bytes that are no UTF-8 are U+FFFD. */
  string?: string;
  /** argv */
  strings?: string[];
  address?: EventAddress;
  /** There was more than is shown. */
  truncated?: true;
}

export interface CallDetails extends EventBase {
  /** `syscall_0x...` for a number without a call. */
  syscall: SyscallName | `syscall_0x${string}`;
  number: number;
  /** As the guest made it. */
  arguments: readonly EventArgument[];
  /**
   * allow, log, deny, kill: the policy's word. refuse: by the gate, whatever the policy. filter: by a seccomp filter of the
   * program's own.
   */
  verdict: 'allow' | 'log' | 'deny' | 'kill' | 'refuse' | 'filter';
  /** Not negative; undefined when it failed, did not return, or was interrupted. */
  result: bigint | undefined;
  /** Why it failed. */
  errno: string | undefined;
  /** A signal ended it; it may be made again. */
  interrupted: boolean;
  /** The whole as one line: `openat(AT_FDCWD, "/etc/passwd", O_RDONLY) = 3`. */
  text: string;
}

export interface SyscallEvent extends CallDetails {
  kind: 'syscall';
}
/** A call that the policy refused, or that ended the process. */
export interface ViolationEvent extends CallDetails {
  kind: 'violation';
  verdict: 'deny' | 'kill';
}
/** A call that the policy lets pass with `log`. */
export interface LogEvent extends CallDetails {
  kind: 'log';
}

/** A process runs a program: the first, or by exec. */
export interface ExecEvent extends EventBase {
  kind: 'exec';
  path: string;
  argv: string[];
  truncated: boolean;
}
export interface ForkEvent extends EventBase {
  kind: 'fork';
  /** Of the new process, or thread, as its maker sees it. */
  child: number;
  thread: boolean;
}
/**
 * A process ended by itself. Of one that a signal from elsewhere ended there is none, but for the program's first process.
 */
export interface ExitEvent extends EventBase {
  kind: 'exit';
  exitCode: number | null;
  signal: string | null;
}
/** The processor refused an instruction, or an access to memory. */
export interface FaultEvent extends EventBase {
  kind: 'fault';
  signal: string;
  /** si_code, as in sigaction(2). */
  code: number;
  address: bigint;
  instruction: bigint;
  /** The processor's exception, and its error code. */
  vector: number;
  errorCode: bigint;
}
/** A handler is about to run. */
export interface SignalEvent extends EventBase {
  kind: 'signal';
  signal: string;
  code: number;
  sender: { pid: number; uid: number } | undefined;
}
export interface LimitEvent extends EventBase {
  kind: 'limit';
  /**
   * files, processes, memory, fileSize: a call met it. memory, time, processor, output: it ended the program (`limits`,
   * `timeoutMs`, `maxOutputBytes`).
   */
  limit: 'files' | 'processes' | 'memory' | 'fileSize' | 'time' | 'processor' | 'output';
  /** The call that met it. */
  syscall?: string;
  errno?: string;
}
/** A monitor that somebody has taken over, or that has a defect, was stopped by the host's filter; its program is ended. */
export interface BreachEvent extends EventBase, Omit<MonitorBreach, 'pid' | 'guestPid' | 'guestTid'> {
  kind: 'breach';
  /** The process as seen from here. */
  hostPid: number | undefined;
  /** `mount(0x0, ...)` */
  text: string;
}
/** A fault was injected into a call (`chaos`). */
export interface InjectionEvent extends EventBase {
  kind: 'injection';
  syscall: SyscallName;
  /** The thread, by its descent: the same in each run. */
  task: string;
  /** Which rule, from 0. */
  rule: number;
  /** Which of the thread's calls that the rule counts, from 1. */
  count: number;
  action: 'fail' | 'shorten' | 'delay';
  /** fail */
  errno?: string;
  /** delay */
  ms?: number;
  /** shorten: how many bytes or elements were asked for, and for how many the call was made. */
  asked?: number;
  made?: number;
}
/** Events that nobody gets: since the last such event. */
export interface DropEvent {
  kind: 'drop';
  time: number;
  /** There was no room for them. */
  dropped: number;
  /** Their process was ended in the middle of telling. */
  lost: number;
  /** What was in their place was no event. */
  malformed: number;
}

export type SandboxEvent =
  | SyscallEvent
  | ViolationEvent
  | LogEvent
  | ExecEvent
  | ForkEvent
  | ExitEvent
  | FaultEvent
  | SignalEvent
  | LimitEvent
  | BreachEvent
  | InjectionEvent
  | DropEvent;
export type EventKind = SandboxEvent['kind'];
export type EventOf<Kind extends EventKind> = Extract<SandboxEvent, { kind: Kind }>;

export const eventKinds = [
  'syscall',
  'violation',
  'log',
  'exec',
  'fork',
  'exit',
  'fault',
  'signal',
  'limit',
  'breach',
  'injection',
  'drop',
] as const satisfies readonly EventKind[];

export interface EventFilter<Kind extends EventKind = EventKind> {
  /** Default: all. */
  kinds?: readonly Kind[] | undefined;
  /** Which calls make 'syscall' events. Default: all. */
  syscalls?: readonly SyscallName[] | undefined;
}

export interface EventStreamOptions<Kind extends EventKind = EventKind> extends EventFilter<Kind> {
  /** Ends the stream. */
  signal?: AbortSignal | undefined;
  /** How many events wait for a slow reader, 1 to 1048576; what comes then is dropped, or with 'block' waits. Default 65536. */
  buffer?: number | undefined;
}

export interface EventOptions {
  /** Room for so many events that Node has not yet read, a power of two from 16 to 65536, 1 KiB each. Default 1024. */
  slots?: number | undefined;
  /**
   * drop, the default: an event for which there is no room is counted, and the guest goes on. block: the guest waits until there
   * is room, half a minute if Node gives no sign of life.
   */
  backpressure?: 'drop' | 'block' | undefined;
}

export interface EventCounters {
  /** Given to somebody. */
  delivered: number;
  dropped: number;
  lost: number;
  malformed: number;
}
