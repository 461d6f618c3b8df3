/**
 * What a program did, from its events: programs, files, sockets, refused calls. All lists are bounded, since the program
 * decides how long they would be.
 */
import { FileTracker, word } from './audit-files.js';
import type { EventAddress, EventCounters, SandboxEvent, SyscallEvent } from './event-types.js';
import type { ProcessExit } from './process.js';
import { type SyscallName, syscalls } from './syscalls.js';

export const auditVersion = 1;
const mostEntries = 10_000;
const mostHeld = 1000;
/** Of all processes together. */
const mostHeldInAll = 50_000;

export type FileUse = 'read' | 'written' | 'created' | 'deleted' | 'changed';

export interface AuditedProgram {
  atMs: number;
  pid: number;
  path: string;
  argv: string[];
}
export interface AuditedProcess {
  pid: number;
  parent: number | undefined;
  startMs: number;
  endMs: number | undefined;
  exitCode: number | null;
  signal: string | null;
}
export interface AuditedFile {
  path: string;
  uses: FileUse[];
  /** Calls on it that succeeded, and that failed. */
  calls: number;
  failures: number;
  errors: string[];
}
export interface AuditedSocket {
  use: 'connect' | 'bind' | 'send';
  address: EventAddress;
  calls: number;
  failures: number;
  errors: string[];
}
export interface AuditedRefusal {
  syscall: string;
  verdict: 'deny' | 'kill' | 'refuse' | 'filter';
  errno: string | undefined;
  /** The first such call. */
  text: string;
  atMs: number;
  pid: number;
  calls: number;
}
export interface AuditedMoment {
  atMs: number;
  pid: number;
  kind: 'exec' | 'fork' | 'exit' | 'file' | 'socket' | 'denied' | 'fault' | 'limit' | 'breach';
  text: string;
}
export interface AuditReport {
  barchanAudit: typeof auditVersion;
  command: readonly string[];
  started: string;
  durationMs: number;
  exit: Pick<ProcessExit, 'exitCode' | 'signal' | 'timedOut'> | undefined;
  /** Nothing was dropped or lost. */
  complete: boolean;
  missing: Pick<EventCounters, 'dropped' | 'lost' | 'malformed'>;
  programs: AuditedProgram[];
  processes: AuditedProcess[];
  files: AuditedFile[];
  sockets: AuditedSocket[];
  denied: AuditedRefusal[];
  timeline: AuditedMoment[];
  /** How many entries the lists would have had beyond their bounds. */
  omitted: number;
}

/** Arguments: index of the path, of its directory's descriptor; what a success means. */
type PathCall = readonly [path: number, directory: number | undefined, use: FileUse];
const pathCalls: Partial<Record<SyscallName, readonly PathCall[]>> = {
  mkdir: [[0, undefined, 'created']],
  mkdirat: [[1, 0, 'created']],
  mknod: [[0, undefined, 'created']],
  mknodat: [[1, 0, 'created']],
  symlink: [[1, undefined, 'created']],
  symlinkat: [[2, 1, 'created']],
  link: [[1, undefined, 'created']],
  linkat: [[3, 2, 'created']],
  rmdir: [[0, undefined, 'deleted']],
  unlink: [[0, undefined, 'deleted']],
  unlinkat: [[1, 0, 'deleted']],
  rename: [
    [0, undefined, 'deleted'],
    [1, undefined, 'created'],
  ],
  renameat: [
    [1, 0, 'deleted'],
    [3, 2, 'created'],
  ],
  renameat2: [
    [1, 0, 'deleted'],
    [3, 2, 'created'],
  ],
  truncate: [[0, undefined, 'written']],
  chmod: [[0, undefined, 'changed']],
  fchmodat: [[1, 0, 'changed']],
  fchmodat2: [[1, 0, 'changed']],
  chown: [[0, undefined, 'changed']],
  lchown: [[0, undefined, 'changed']],
  fchownat: [[1, 0, 'changed']],
  utime: [[0, undefined, 'changed']],
  utimes: [[0, undefined, 'changed']],
  utimensat: [[1, 0, 'changed']],
  setxattr: [[0, undefined, 'changed']],
  lsetxattr: [[0, undefined, 'changed']],
  removexattr: [[0, undefined, 'changed']],
  lremovexattr: [[0, undefined, 'changed']],
};
const openCalls: Partial<Record<SyscallName, readonly [path: number, directory: number | undefined]>> = {
  open: [0, undefined],
  creat: [0, undefined],
  openat: [1, 0],
  openat2: [1, 0],
};
const socketCalls: Partial<Record<SyscallName, readonly [argument: number, use: AuditedSocket['use']]>> = {
  connect: [1, 'connect'],
  bind: [1, 'bind'],
  sendto: [4, 'send'],
  sendmsg: [1, 'send'],
  sendmmsg: [1, 'send'],
};
const followed: readonly SyscallName[] = ['chdir', 'fchdir', 'close', 'dup', 'dup2', 'dup3', 'fcntl'];

/** The calls that an audit looks at; what the policy refuses is a violation, whatever the call. */
export function auditedCalls(): SyscallName[] {
  const refused = [...syscalls().values()].filter(({ kind }) => kind === 'deny').map(({ name }) => name);
  const looked = [pathCalls, openCalls, socketCalls].flatMap((calls) => Object.keys(calls)) as SyscallName[];
  return [...looked, ...followed, ...refused, 'execve', 'execveat'];
}

const access = {
  mask: 3,
  write: 1,
  readWrite: 2,
  create: 0o100,
  truncate: 0o1000,
  path: 0o10000000,
} as const;

type ProcessEvent = Exclude<SandboxEvent, { kind: 'drop' }>;

export class Audit {
  readonly #command: readonly string[];
  #start = Date.now();
  readonly #tracker: FileTracker;
  readonly #programs: AuditedProgram[] = [];
  readonly #processes: AuditedProcess[] = [];
  readonly #living = new Map<number, AuditedProcess>();
  readonly #files = new Map<string, AuditedFile>();
  readonly #sockets = new Map<string, AuditedSocket>();
  readonly #denied = new Map<string, AuditedRefusal>();
  readonly #timeline: AuditedMoment[] = [];
  /** Of processes whose maker has not yet told of them. */
  readonly #held = new Map<number, ProcessEvent[]>();
  #heldInAll = 0;
  #omitted = 0;

  constructor(command: readonly string[], cwd: string) {
    this.#command = command;
    this.#tracker = new FileTracker(cwd);
  }

  take(event: SandboxEvent): void {
    if (event.kind === 'drop') return;
    if (!event.first && !this.#tracker.knows(event.pid)) {
      const held = this.#held.get(event.pid) ?? [];
      if (held.length < mostHeld && this.#heldInAll < mostHeldInAll) {
        this.#heldInAll++;
        held.push(event);
        this.#held.set(event.pid, held);
        return;
      }
      this.#release(event.pid);
    }
    this.#see(event);
  }

  #release(pid: number): void {
    const held = this.#held.get(pid) ?? [];
    this.#held.delete(pid);
    this.#heldInAll -= held.length;
    if (!this.#tracker.knows(pid)) this.#tracker.begin(pid);
    for (const event of held) this.#see(event);
  }

  #at(time: number): number {
    return Math.max(0, Math.round((time - this.#start) * 1000) / 1000);
  }

  #see(event: ProcessEvent): void {
    const { pid } = event;
    if (event.first && !this.#tracker.knows(pid)) {
      this.#tracker.begin(pid);
      // Time counts from the program's first sign of life.
      this.#start = event.time;
      this.#appear(pid, undefined, 0);
    }
    const atMs = this.#at(event.time);
    const note = (kind: AuditedMoment['kind'], text: string): void => {
      this.#add(this.#timeline, { atMs, pid, kind, text });
    };
    switch (event.kind) {
      case 'exec':
        this.#add(this.#programs, { atMs, pid, path: event.path, argv: event.argv });
        note('exec', [event.path, ...event.argv.slice(1)].join(' '));
        break;
      case 'fork':
        if (event.thread) break;
        this.#tracker.fork(event);
        // The child can have run, and ended, before its maker came to tell of it.
        this.#appear(
          event.child,
          pid,
          Math.min(atMs, this.#at(this.#held.get(event.child)?.[0]?.time ?? event.time)),
        );
        note('fork', `process ${event.child}`);
        this.#release(event.child);
        break;
      case 'exit': {
        const living = this.#living.get(pid);
        if (living) Object.assign(living, { endMs: atMs, exitCode: event.exitCode, signal: event.signal });
        this.#living.delete(pid);
        this.#tracker.end(pid);
        note('exit', event.signal ?? `status ${event.exitCode}`);
        break;
      }
      case 'fault':
        note('fault', `${event.signal} at 0x${event.address.toString(16)}`);
        break;
      case 'limit':
        note('limit', event.limit);
        break;
      case 'breach':
        note('breach', event.text);
        break;
      case 'violation':
        this.#call({ ...event, kind: 'syscall' }, atMs, note);
        break;
      case 'syscall':
        // Those come as violations too, of all calls.
        if (event.verdict !== 'deny' && event.verdict !== 'kill') this.#call(event, atMs, note);
        break;
      default:
    }
  }

  #appear(pid: number, parent: number | undefined, startMs: number): void {
    const entry: AuditedProcess = { pid, parent, startMs, endMs: undefined, exitCode: null, signal: null };
    if (this.#add(this.#processes, entry)) this.#living.set(pid, entry);
  }

  #call(event: SyscallEvent, atMs: number, note: (kind: AuditedMoment['kind'], text: string) => void): void {
    const { syscall, verdict, errno } = event;
    const refused = verdict !== 'allow' && verdict !== 'log';
    // What a kernel without the call would say is a probe, not an attempt.
    if (refused && !(verdict === 'refuse' && errno === 'ENOSYS')) {
      const refusal = this.#entry(this.#denied, `${syscall} ${verdict} ${event.text}`, () => ({
        syscall,
        verdict,
        errno,
        text: event.text,
        atMs,
        pid: event.pid,
        calls: 0,
      }));
      if (refusal) refusal.calls++;
      note('denied', event.text);
    }
    if (event.interrupted) return;
    const name = syscall as SyscallName;
    const open = openCalls[name];
    if (open) {
      const path = this.#tracker.path(event, ...open);
      if (path !== undefined) this.#open(event, path, note);
    }
    for (const [argument, directory, use] of pathCalls[name] ?? []) {
      const path = this.#tracker.path(event, argument, directory);
      if (path !== undefined) this.#file(event, path, [use], note);
    }
    const socket = socketCalls[name];
    const address = socket && event.arguments[socket[0]]?.address;
    if (socket && address) this.#socket(event, socket[1], address, note);
    if (errno === undefined && followed.includes(name)) this.#tracker.follow(event);
  }

  #open(event: SyscallEvent, path: string, note: (kind: 'file', text: string) => void): void {
    this.#tracker.opened(event, path);
    const { syscall } = event;
    // openat2's flags are in a structure, whose first word is shown as an address: taken as reading.
    const index = { open: 1, openat: 2 }[syscall as string];
    const flags =
      syscall === 'creat' ? access.write | access.create : index === undefined ? 0 : word(event, index);
    if (flags & access.path) return;
    const mode = flags & access.mask;
    const uses: FileUse[] = [];
    if (mode !== access.write) uses.push('read');
    if (mode === access.write || mode === access.readWrite || flags & access.truncate) uses.push('written');
    if (flags & access.create) uses.push('created');
    this.#file(event, path, uses, note);
  }

  #file(
    event: SyscallEvent,
    path: string,
    uses: FileUse[],
    note: (kind: 'file', text: string) => void,
  ): void {
    const file = this.#entry(this.#files, path, () => ({
      path,
      uses: [],
      calls: 0,
      failures: 0,
      errors: [],
    }));
    if (file && event.errno === undefined) {
      file.calls++;
      for (const use of uses) if (!file.uses.includes(use)) file.uses.push(use);
    }
    if (file) this.#fail(file, event.errno);
    if (event.errno === undefined) note('file', `${uses.join(', ')} ${path}`);
  }

  #socket(
    event: SyscallEvent,
    use: AuditedSocket['use'],
    address: EventAddress,
    note: (kind: 'socket', text: string) => void,
  ): void {
    const text = addressText(address);
    const socket = this.#entry(this.#sockets, `${use} ${text}`, () => ({
      use,
      address,
      calls: 0,
      failures: 0,
      errors: [],
    }));
    if (socket && event.errno === undefined) socket.calls++;
    if (socket) this.#fail(socket, event.errno);
    note('socket', `${use} ${text}${event.errno ? `: ${event.errno}` : ''}`);
  }

  #fail(entry: { failures: number; errors: string[] }, errno: string | undefined): void {
    if (errno === undefined) return;
    entry.failures++;
    if (!entry.errors.includes(errno)) entry.errors.push(errno);
  }

  #add<T>(list: T[], entry: T): boolean {
    if (list.length < mostEntries) {
      list.push(entry);
      return true;
    }
    this.#omitted++;
    return false;
  }

  #entry<T>(map: Map<string, T>, key: string, make: () => T): T | undefined {
    const found = map.get(key);
    if (found) return found;
    if (map.size >= mostEntries) {
      this.#omitted++;
      return undefined;
    }
    const made = make();
    map.set(key, made);
    return made;
  }

  report(exit: ProcessExit | undefined, counters: EventCounters): AuditReport {
    for (const pid of [...this.#held.keys()]) this.#release(pid);
    const { dropped, lost, malformed } = counters;
    return {
      barchanAudit: auditVersion,
      command: this.#command,
      started: new Date(this.#start).toISOString(),
      durationMs: exit?.durationMs ?? Date.now() - this.#start,
      exit: exit && { exitCode: exit.exitCode, signal: exit.signal, timedOut: exit.timedOut },
      complete: dropped + lost + malformed === 0,
      missing: { dropped, lost, malformed },
      programs: this.#programs,
      processes: this.#processes,
      files: [...this.#files.values()].sort((a, b) => (a.path < b.path ? -1 : 1)),
      sockets: [...this.#sockets.values()],
      denied: [...this.#denied.values()],
      timeline: this.#timeline.sort((a, b) => a.atMs - b.atMs),
      omitted: this.#omitted,
    };
  }
}

/** `127.0.0.1:80`, `[::1]:80`, `unix:/path`, `unix:@name`. */
export function addressText(address: EventAddress): string {
  if ('port' in address)
    return address.family === 'AF_INET6'
      ? `[${address.address}]:${address.port}`
      : `${address.address}:${address.port}`;
  if ('path' in address) return `unix:${address.abstract ? '@' : ''}${address.path}`;
  return address.family;
}
