/** One running program: its streams, signals, and end. */
import type { ChildProcess } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { readSync } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import { breachError, type MonitorBreach, readBreach } from './breach.js';
import { Control, type SupervisorEvent } from './control.js';
import type { Counters, Counts } from './counters.js';
import { logger } from './debug.js';
import { errnoText, SandboxError } from './errors.js';
import type { Launched } from './launch.js';
import { noTree, type ProgramMetrics, treeUsage } from './metrics.js';
import { native } from './native.js';
import { terminalSize } from './option-rules.js';
import type { KillSignal } from './options.js';
import { deathByFilter, reportedFailure } from './report.js';
import { setupError } from './setup-failure.js';
import { signalName, signalNumber } from './signals.js';
import { watchForStop } from './stopped.js';
import { Terminal } from './terminal.js';

const log = logger('process');

/** How long a program may take to end by a `killSignal` that it can catch. */
const killGraceMs = 5000;
/** How long a supervisor may take to end everything; one that was stopped from outside never would. */
const endGraceMs = 5000;

/**
 * Times and memory as getrusage(2) has them: of the program and of its children that it has waited for. Counts: of all its
 * processes until its first one ended.
 */
export interface Usage extends Counts {
  /** Milliseconds of processor time in user mode; what the program computes in the VM counts here or in `systemMs`. */
  userMs: number;
  /** Milliseconds of processor time in the host's kernel. */
  systemMs: number;
  /** The most memory that one process had resident, the monitor's included. */
  maxRssBytes: number;
}

export interface ProcessExit {
  /** 0 to 255; null when a signal ended the program. */
  exitCode: number | null;
  /** The signal that ended it ("SIGTERM", "SIGRTMIN+3"), or null. */
  signal: string | null;
  /** `timeoutMs` had passed before it ended, or the sandbox's `limits.wallMs`. */
  timedOut: boolean;
  /**
   * The limit of the sandbox for which the program, or with `memory` one of its processes, was ended; else null. That
   * memory ran out is counted for the sandbox: of programs at once each says so.
   */
  limit: EndingLimit | null;
  /** Milliseconds, with a fraction, from the process's start to its end. */
  durationMs: number;
  usage: Usage;
}

export type EndingLimit = 'memory' | 'wallMs' | 'cpuMs' | 'output';

export interface ProcessLimits {
  /** Tells, at the end, whether the kernel has ended a process of the sandbox for its memory since the start. */
  ranOutOfMemory?: (() => boolean) | undefined;
  timeoutMs: number;
  killSignal: KillSignal;
  signal?: AbortSignal | undefined;
  program: number;
  /** A monitor of the program was stopped in a call that its filter forbids; the program is being ended. */
  onBreach(pid: number, breach: MonitorBreach): void;
  /** Before anybody else is told of the end. */
  onEnd(pid: number, exit: ProcessExit | undefined): void;
}

export interface ProcessEvents {
  /** The first process was stopped by this signal (SIGSTOP, SIGTSTP, SIGTTIN or SIGTTOU). */
  stopped: [signal: string];
  /** The first process has ended; output may still come. */
  exit: [exit: ProcessExit];
}

function startFailure(event: SupervisorEvent & { event: 'failed' }): SandboxError {
  if (event.step !== undefined) return setupError(event);
  const { what, errno } = event;
  return new SandboxError('ERR_SYSTEM', `Cannot start a process: ${what}: ${errnoText(errno)}`, { errno });
}

/** From Sandbox.spawn(). A stream is null unless its `stdio` entry is 'pipe'. */
export class GuestProcess extends EventEmitter<ProcessEvents> implements AsyncDisposable {
  /** Of the first process, as seen from here; without isolation it is the same inside. */
  readonly pid: number;
  /** The number that the sandbox's events have for it. */
  readonly program: number;
  readonly stdin: Writable | null;
  readonly stdout: Readable | null;
  readonly stderr: Readable | null;
  /**
   * How the program ended. Rejects with a SandboxError when it never ran or was taken away:
   * ERR_PROGRAM_NOT_FOUND, ERR_PROGRAM_NOT_EXECUTABLE, ERR_CWD, ERR_KVM_UNSUPPORTED, ERR_MONITOR_CONFIG,
   * ERR_MONITOR_BREACH, ERR_MONITOR_CRASH, ERR_MONITOR_MEMORY, ERR_SYSTEM, ERR_ABORTED, ERR_SANDBOX_CLOSED. Need not be awaited.
   */
  readonly exited: Promise<ProcessExit>;
  /** Resolves when no process of the program is left, those in the background included. */
  readonly gone: Promise<void>;

  /** What the first process has used; undefined as long as it runs. */
  usage: Usage | undefined;

  readonly #supervisor: ChildProcess;
  readonly #control: Control;
  readonly #reportFd: number;
  readonly #counters: Counters;
  readonly #isolated: boolean;
  readonly #confined: boolean;
  readonly #limits: ProcessLimits;
  readonly #started = performance.now();
  readonly #onAbort = (): void => this.#abort();
  #timer: NodeJS.Timeout | undefined;
  #limit: EndingLimit | null = null;
  #timedOut = false;
  #settled = false;
  #failure: SandboxError | undefined;
  #resolve!: (exit: ProcessExit) => void;
  #reject!: (error: SandboxError) => void;

  /** Resolves once the program's process exists. Rejects with ERR_SYSTEM when it could not be made. */
  static start(launched: Launched, limits: ProcessLimits): Promise<GuestProcess> {
    return new Promise((resolve, reject) => {
      const { supervisor } = launched;
      let guest: GuestProcess | undefined;
      let failure: SandboxError | undefined;
      const ended = new Promise<void>((done) => supervisor.once('exit', () => done()));
      // Until the program runs nothing but our own processes is there, and nobody has a reason to stop them.
      const stopWatch = watchForStop(supervisor.pid as number, () => supervisor.kill('SIGKILL'));
      const control = new Control(
        launched.control,
        (event) => {
          if (guest) guest.#on(event);
          else if (event.event === 'started') {
            stopWatch();
            guest = new GuestProcess(launched, control, event.pid, gone, limits);
            resolve(guest);
          } else if (event.event === 'failed') {
            failure = startFailure(event);
          }
        },
        () => {
          if (guest) return guest.#lost();
          stopWatch();
          native().addon.closeFd(launched.reportFd);
          launched.counters.close();
          for (const stream of launched.streams) stream?.destroy();
          failure ??= new SandboxError(
            'ERR_MONITOR_CRASH',
            'Cannot start a process: its supervisor was ended from outside',
          );
          void gone.then(() => reject(failure));
        },
      );
      const gone = ended.then(() => control.drain());
    });
  }

  private constructor(
    launched: Launched,
    control: Control,
    pid: number,
    gone: Promise<void>,
    limits: ProcessLimits,
  ) {
    super();
    this.pid = pid;
    this.program = limits.program;
    [this.stdin = null, this.stdout = null, this.stderr = null] = launched.streams;
    this.gone = gone;
    this.#control = control;
    this.#reportFd = launched.reportFd;
    this.#counters = launched.counters;
    this.#isolated = launched.isolated;
    void gone.then(() => this.#counters.close());
    this.#confined = launched.confined;
    this.#limits = limits;
    this.exited = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // A caller that only looks at the streams must not be ended by an unhandled rejection.
    this.exited.catch(() => {});
    this.#supervisor = launched.supervisor;
    this.#supervisor.unref(); // the control socket holds Node as long as the program runs

    if (limits.timeoutMs > 0) this.#timer = setTimeout(() => this.#timeout(), limits.timeoutMs);
    if (limits.signal?.aborted) this.#abort();
    else limits.signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  /**
   * Sends a signal (default SIGTERM) to the program's first process. Returns false when that has ended. Throws
   * ERR_INVALID_OPTION when there is no such signal.
   */
  kill(signal: KillSignal = 'SIGTERM'): boolean {
    const number = signalNumber(signal);
    if (number === undefined) {
      throw new SandboxError(
        'ERR_INVALID_OPTION',
        `GuestProcess.kill: there is no signal ${String(signal)}`,
        {
          path: 'signal',
          value: signal,
          remedy: 'Give the name of a signal, like "SIGTERM", or a number from 1 to 64.',
        },
      );
    }
    if (this.#settled) return false;
    this.#control.signal(number);
    return true;
  }

  /** Changes the size of the terminal (`pty`); the program gets SIGWINCH. Throws ERR_INVALID_OPTION without one. */
  resize(cols: number, rows: number): void {
    if (!(this.stdout instanceof Terminal)) {
      throw new SandboxError(
        'ERR_INVALID_OPTION',
        'GuestProcess.resize: the program has no terminal of ours',
        {
          path: 'options.pty',
          remedy: 'Start it with the option pty.',
        },
      );
    }
    const problem = terminalSize({ cols, rows });
    if (problem) {
      const path = (problem.at ?? '').slice(1);
      throw new SandboxError('ERR_INVALID_OPTION', `GuestProcess.resize: ${path} is wrong`, {
        path,
        value: problem.value,
        remedy: `Give ${problem.give}.`,
      });
    }
    this.stdout.resize({ cols, rows });
  }

  /** Passes on a signal that this process was sent, unless the program was sent it as well. */
  forward(signal: KillSignal): void {
    const number = signalNumber(signal);
    if (number !== undefined && !this.#settled) this.#control.forward(number);
  }

  /** What its processes have done so far; after their end all that they did. */
  counts(): Counts {
    return this.#counters.read();
  }

  /** What the program and its processes use now, those in the background included. */
  metrics(): ProgramMetrics {
    const supervisor = this.#supervisor;
    // Once it has been waited for, its number may be another process's.
    const over = supervisor.exitCode !== null || supervisor.signalCode !== null;
    const tree = over ? noTree : treeUsage(supervisor.pid as number, this.pid, this.#isolated);
    return {
      processes: tree.processes,
      cpu: tree.cpu,
      memory: { currentBytes: tree.residentBytes },
      ...this.#counters.read(),
    };
  }

  /** Ends all processes of the program, those in the background included, and waits until they are gone. */
  async end(reason?: SandboxError): Promise<void> {
    if (!this.#settled) this.#failure ??= reason;
    this.#endAll();
    await this.wait();
  }

  /** Ends all processes of the program for a limit of the sandbox, which the result then names. */
  endForLimit(limit: EndingLimit): void {
    if (!this.#settled) this.#limit ??= limit;
    this.#endAll();
  }

  /** Waits until no process of the program is left; holds Node meanwhile, unlike `gone`. */
  async wait(): Promise<void> {
    this.#supervisor.ref();
    this.#control.ref();
    await this.gone;
  }

  /** Lets background processes live on when the program ends. */
  keepBackground(): void {
    this.#control.keep();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end();
  }

  #on(event: SupervisorEvent): void {
    if (event.event === 'stopped') {
      this.#emitLater('stopped', signalName(event.signal));
    } else if (event.event === 'limit') {
      this.#limit ??= event.limit;
      this.#timedOut = true;
    } else if (event.event === 'breach') {
      const breach = readBreach(event);
      this.#failure = breachError(breach);
      this.#limits.onBreach(this.pid, breach);
    } else if (event.event === 'failed') {
      this.#failure ??= startFailure(event);
    } else if (event.event === 'exit') {
      this.#control.seen();
      const signal = event.status & 0x7f;
      const exitCode = signal === 0 ? (event.status >> 8) & 0xff : null;
      const report = this.#readReport();
      this.#settle(
        {
          exitCode,
          signal: signal === 0 ? null : signalName(signal),
          timedOut: this.#timedOut,
          limit: this.#limit ?? (this.#limits.ranOutOfMemory?.() ? 'memory' : null),
          durationMs: performance.now() - this.#started,
          usage: {
            userMs: event.userUs / 1000,
            systemMs: event.systemUs / 1000,
            maxRssBytes: event.maxRssKiB * 1024,
            ...this.#counters.read(),
          },
        },
        this.#failure ??
          reportedFailure(report, exitCode) ??
          (this.#confined && signal !== 0 ? deathByFilter(report, signalName(signal)) : undefined),
      );
    }
  }

  #lost(): void {
    if (this.#settled) return;
    // The warden ends what uses more than its limit when Node is late, supervisors too.
    if (this.#limit && !this.#failure) {
      this.#settle(this.#killedForLimit(), undefined);
      return;
    }
    this.#settle(
      undefined,
      this.#failure ??
        new SandboxError(
          'ERR_MONITOR_CRASH',
          `Lost process ${this.pid}: its supervisor was ended from outside`,
          this.#limits.ranOutOfMemory?.()
            ? { remedy: 'The sandbox ran out of memory (options.limits.memory).' }
            : {},
        ),
    );
  }

  /** What nobody is left to tell: its processor time is not known. */
  #killedForLimit(): ProcessExit {
    return {
      exitCode: null,
      signal: 'SIGKILL',
      timedOut: this.#timedOut,
      limit: this.#limit,
      durationMs: performance.now() - this.#started,
      usage: { userMs: 0, systemMs: 0, maxRssBytes: 0, ...this.#counters.read() },
    };
  }

  #settle(exit: ProcessExit | undefined, failure: SandboxError | undefined): void {
    if (this.#settled) return;
    this.#settled = true;
    clearTimeout(this.#timer);
    this.#limits.signal?.removeEventListener('abort', this.#onAbort);
    native().addon.closeFd(this.#reportFd);
    // What is left in the background must not keep Node from ending.
    this.#control.unref();
    log('process %d: %o %s', this.pid, exit, failure?.code ?? '');
    this.#limits.onEnd(this.pid, exit);
    if (failure || !exit) this.#reject(failure as SandboxError);
    else this.#resolve(exit);
    this.usage = exit?.usage;
    if (exit) this.#emitLater('exit', exit);
  }

  /** After whoever waits for the start has had a chance to listen: the first events can come together with it. */
  #emitLater<Name extends keyof ProcessEvents>(name: Name, ...args: ProcessEvents[Name]): void {
    setImmediate(() =>
      (this.emit as (name: Name, ...args: ProcessEvents[Name]) => boolean).call(this, name, ...args),
    );
  }

  #timeout(): void {
    this.#timedOut = true;
    this.#stop();
  }

  #abort(): void {
    this.#failure ??= new SandboxError('ERR_ABORTED', `Process ${this.pid} was aborted`, {
      cause: this.#limits.signal?.reason,
    });
    this.#stop();
  }

  #stop(): void {
    const number = signalNumber(this.#limits.killSignal);
    clearTimeout(this.#timer);
    if (number === undefined || number === 9) {
      this.#endAll();
    } else {
      this.#control.signal(number);
      this.#timer = setTimeout(() => this.#endAll(), killGraceMs);
    }
  }

  #endAll(): void {
    this.#control.end();
    const late = setTimeout(() => this.#supervisor.kill('SIGKILL'), endGraceMs);
    void this.gone.then(() => clearTimeout(late));
  }

  /** Everything the monitor has reported so far. Written before it ended, so all of it is there. */
  #readReport(): string {
    const bytes = Buffer.alloc(16 * 1024);
    try {
      return bytes.toString('utf8', 0, readSync(this.#reportFd, bytes));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return '';
      throw error;
    }
  }
}

/** With `pty`: both streams are the terminal, which has what the program writes to standard error as well. */
export interface TerminalProcess extends GuestProcess {
  readonly stdin: Writable;
  readonly stdout: Readable;
}

/** With `stdio: 'pipe'`, the default, there are all three streams. */
export interface PipedProcess extends GuestProcess {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
}
