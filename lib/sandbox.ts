/** A sandbox: one verified KVM device and the programs that run on it. */
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { Capture } from './capture.js';
import { addCounts, type Counts, noCounts } from './counters.js';
import { logger } from './debug.js';
import { SandboxError, toSandboxError } from './errors.js';
import { EventListeners } from './event-listeners.js';
import type { EventCounters, EventFilter, EventKind, EventOf, EventStreamOptions } from './event-types.js';
import { Events } from './events.js';
import { feed } from './feed.js';
import type { SandboxFiles } from './files.js';
import { memoryUsage, outOfMemoryKills, processorTime } from './group-usage.js';
import type { SandboxImage } from './image/rootfs.js';
import {
  type InterceptHandler,
  type Interception,
  type InterceptOptions,
  Interceptors,
} from './intercept.js';
import { InterceptChannel } from './intercept-channel.js';
import { InterceptConnections } from './intercept-connections.js';
import { Isolated } from './isolated.js';
import { fileLimit } from './isolation.js';
import { launch } from './launch.js';
import type { SandboxMetrics } from './metrics.js';
import { type KvmDevice, native } from './native.js';
import {
  defaultMaxOutputBytes,
  type ExecOptions,
  isIsolated,
  type SandboxOptions,
  type SpawnOptions,
  type Stdio,
  type StdioEntry,
  validateArgv,
  validateOptions,
} from './options.js';
import { OutputMeter } from './output-meter.js';
import { findProgram } from './path-search.js';
import {
  type EndingLimit,
  GuestProcess,
  type PipedProcess,
  type ProcessExit,
  type TerminalProcess,
} from './process.js';
import type { SyscallName } from './syscalls.js';
import { Terminal, type TerminalSize } from './terminal.js';

const log = logger('sandbox');

/**
 * How long nothing may come from a stream that is still open when all processes of its program are gone:
 * then somebody else holds it, to whom the program has passed the descriptor.
 */
const drainMs = 1000;

export interface ExecResult<Output extends string | Buffer = string> extends ProcessExit {
  /** Text, or bytes with `encoding: 'buffer'`. */
  stdout: Output;
  stderr: Output;
  /** There was more output than `maxOutputBytes` or `limits.output`, and the program was ended for it. */
  truncated: boolean;
}

/** For vm/vm.ts: spawn() with a debugger's socket, which stays the caller's. */
export let startDebugged: (
  box: Sandbox,
  argv: readonly string[],
  options: SpawnOptions,
  debugFd: number,
) => Promise<GuestProcess>;

/** `await using box = await Sandbox.create()` closes it at the end of the block. Any number of programs may run at once. */
export class Sandbox implements AsyncDisposable {
  readonly #device: KvmDevice;
  readonly #options: SandboxOptions;
  readonly #isolated: Isolated | undefined;
  /** A memfd with the compiled policy. */
  readonly #policyFd: number | undefined;
  /** A memfd with the compiled chaos rules. */
  readonly #chaosFd: number | undefined;
  readonly #events: Events;
  readonly #listeners: EventListeners;
  readonly #processes = new Set<GuestProcess>();
  /** The limit for which no program can be started any more. */
  #usedUp: EndingLimit | undefined;
  /** Of programs of which no process is left. */
  #past: Counts & { ended: number; userMs: number; systemMs: number } = {
    ...noCounts,
    ended: 0,
    userMs: 0,
    systemMs: 0,
  };
  #peakBytes = 0;
  /** As they were when the sandbox was closed. */
  #lastMetrics: SandboxMetrics | undefined;
  readonly #interceptors: Interceptors;
  #starting = 0;
  #closed = false;
  #idle: (() => void) | undefined;
  #closing: Promise<void> | undefined;

  /**
   * Opens and verifies the KVM device and, with isolation, makes namespaces and mounts. Rejects with
   * ERR_INVALID_OPTION, ERR_SANDBOX_SETUP, ERR_LIMIT_UNAVAILABLE, ERR_IMAGE_..., ERR_KVM_NOT_FOUND, ERR_KVM_PERMISSION,
   * ERR_KVM_UNSUPPORTED, ERR_NATIVE_NOT_BUILT, ERR_UNSUPPORTED_PLATFORM, ERR_SYSTEM.
   */
  static async create(options: SandboxOptions = {}): Promise<Sandbox> {
    validateOptions('Sandbox.create', options);
    // What a plain process runner lets through is the gate's own business.
    const chosen = options.policy ?? (isIsolated(options) ? 'default' : undefined);
    const policy =
      chosen === undefined ? undefined : (await import('./policy-option.js')).namedPolicy(chosen);
    const chaos =
      options.chaos === undefined ? undefined : (await import('./chaos-blob.js')).chaosBlob(options.chaos);
    const undo: (() => unknown)[] = [];
    try {
      const { addon } = native();
      const device = addon.openDevice(options.kvmDevice ?? '/dev/kvm');
      undo.push(() => addon.closeFd(device.fd));
      const policyFd = policy && addon.createMemfd(`barchan-policy:${policy.name}`, policy.bytes);
      if (policyFd !== undefined) undo.push(() => addon.closeFd(policyFd));
      const chaosFd = chaos && addon.createMemfd('barchan-chaos', chaos);
      if (chaosFd !== undefined) undo.push(() => addon.closeFd(chaosFd));
      const fds = { policyFd, chaosFd };
      if (!isIsolated(options)) return new Sandbox(device, options, fds);
      return new Sandbox(device, options, fds, await Isolated.create(options));
    } catch (error) {
      for (const step of undo.reverse()) step();
      throw toSandboxError(error, 'Cannot create a sandbox');
    }
  }

  private constructor(
    device: KvmDevice,
    options: SandboxOptions,
    { policyFd, chaosFd }: { policyFd: number | undefined; chaosFd: number | undefined },
    isolated?: Isolated,
  ) {
    this.#device = device;
    this.#options = options;
    this.#policyFd = policyFd;
    this.#chaosFd = chaosFd;
    this.#isolated = isolated;
    this.#interceptors = new Interceptors(new InterceptConnections(isolated));
    if (isolated)
      isolated.keeper.onLimit = (limit) => {
        this.#usedUp = limit;
        for (const guest of this.#processes) guest.endForLimit(limit);
      };
    this.#events = new Events(options.events);
    this.#listeners = new EventListeners(this.#events);
    log('created: %o', device);
  }

  /** Its files as its programs see them. Throws ERR_INVALID_OPTION without isolation, where they are this process's own. */
  get files(): SandboxFiles {
    if (this.#isolated) return this.#isolated.files;
    throw new SandboxError('ERR_INVALID_OPTION', 'Sandbox.files: there are none without isolation', {
      path: 'options.isolation',
      value: 'none',
      remedy: 'Give isolation: "full", or use node:fs.',
    });
  }

  /** @internal For parts of the package that join its namespaces. */
  get isolated(): Isolated | undefined {
    this.#mustBeOpen();
    return this.#isolated;
  }

  /** The image that it shows: its id, and what it says of itself. */
  get image(): SandboxImage | undefined {
    return this.#isolated?.image;
  }

  /**
   * Starts a program; resolves when its process exists. `argv[0]` is its path, or a name that is searched for in
   * the PATH of `env`. Rejects with ERR_INVALID_OPTION, ERR_PROGRAM_NOT_FOUND, ERR_PROGRAM_NOT_EXECUTABLE,
   * ERR_SANDBOX_CLOSED, ERR_SANDBOX_SETUP, ERR_ABORTED, ERR_SYSTEM; see GuestProcess.exited for what can happen
   * later: with isolation the program is looked for inside, and whether it is there shows only then.
   */
  spawn(
    argv: readonly string[],
    options?: SpawnOptions & { stdio?: 'pipe' | undefined; pty?: undefined },
  ): Promise<PipedProcess>;
  spawn(argv: readonly string[], options: SpawnOptions & { pty: TerminalSize }): Promise<TerminalProcess>;
  spawn(argv: readonly string[], options?: SpawnOptions): Promise<GuestProcess>;
  async spawn(argv: readonly string[], options: SpawnOptions = {}): Promise<GuestProcess> {
    validateArgv('Sandbox.spawn', argv);
    validateOptions('Sandbox.spawn', options, this.#isolated !== undefined);
    return this.#start(argv, options);
  }

  static {
    startDebugged = (box, argv, options, debugFd) => {
      validateArgv('Sandbox.spawn', argv);
      validateOptions('Sandbox.spawn', options, box.#isolated !== undefined);
      return box.#start(argv, options, debugFd);
    };
  }

  /** Pre: `argv` and `options` have been validated. */
  async #start(
    argv: readonly [string, ...string[]],
    options: SpawnOptions,
    debugFd?: number,
  ): Promise<GuestProcess> {
    this.#mustBeOpen();
    mustNotBeAborted(argv[0], options.signal);
    const isolated = this.#isolated;
    const cwd = options.cwd ?? this.#options.cwd ?? isolated?.cwd;
    const env = options.env ?? this.#options.env ?? isolated?.env ?? process.env;
    const stdio = stdioEntries(options.stdio ?? 'pipe');
    const inherits = stdio.slice(0, 3).some((entry, index) => entry === 'inherit' || entry === index);
    const plan = isolated?.description.limits;
    if (plan?.outputBytes !== undefined) mustBeCounted(stdio, isolated?.description.allowWeaker ?? []);
    const meter = plan?.outputBytes === undefined ? undefined : new OutputMeter(plan.outputBytes);
    const killsBefore = plan ? outOfMemoryKills(plan.usage) : 0;
    // In a sandbox it can only be looked for inside.
    const program = isolated ? argv[0] : findProgram(argv[0], env, cwd);

    this.#starting++;
    const observed = this.#events.programStarts();
    const { programId } = observed;
    let channel: InterceptChannel | undefined;
    let terminal: Terminal | undefined;
    try {
      channel = this.#openChannel();
      terminal = options.pty && new Terminal(options.pty);
      if (terminal) meter?.attach(terminal);
      const launched = await launch({
        argv,
        argv0: options.argv0,
        program,
        env,
        cwd,
        stdio: terminal ? [terminal.programFd, terminal.programFd, terminal.programFd] : stdio,
        terminal: terminal !== undefined,
        kvmFd: this.#device.fd,
        newSession: options.newSession ?? !inherits,
        traceFd: options.traceFd,
        keeper: isolated?.keeper,
        fileLimit: isolated && fileLimit(isolated.description),
        counted: plan && ['cpus', 'pids', 'cpuMs'].some((name) => name in plan.keepers),
        policyFd: this.#policyFd,
        chaosFd: this.#chaosFd,
        meter,
        intercept: channel?.forStart,
        events: observed.memory,
        debugFd,
      });
      channel?.started(launched.supervisor);
      if (terminal) launched.streams = [terminal, terminal, null];
      const guest = await GuestProcess.start(launched, {
        timeoutMs: options.timeoutMs ?? this.#options.timeoutMs ?? 0,
        killSignal: options.killSignal ?? this.#options.killSignal ?? 'SIGKILL',
        signal: options.signal,
        ranOutOfMemory: plan?.usage.memory && (() => outOfMemoryKills(plan.usage) > killsBefore),
        program: programId,
        onBreach: (pid, breach) => this.#events.breach(programId, pid, breach),
        onEnd: (pid, exit) => this.#events.programEnded(programId, pid, exit),
      });
      if (meter?.over) guest.endForLimit('output');
      else if (meter) meter.onOver = () => guest.endForLimit('output');
      if (this.#usedUp) guest.endForLimit(this.#usedUp);
      const hangUp = (): void => terminal?.ended();
      guest.exited.then(hangUp, hangUp);
      if (options.keepBackground) guest.keepBackground();
      this.#processes.add(guest);
      guest.gone.then(() => {
        this.#remember(guest);
        this.#events.programGone(programId);
      });
      if (this.#closed) void guest.end(closedError(argv[0]));
      return guest;
    } catch (error) {
      channel?.close();
      this.#events.programGone(programId);
      terminal?.destroy();
      throw error;
    } finally {
      this.#starting--;
      if (this.#starting === 0) this.#idle?.();
    }
  }

  /**
   * Lets `handler` decide these calls of the programs that are started from now on: each waits for it, as for a slow disk.
   * What the policy refuses is refused before, and what the handler changes is judged again. Of several handlers the
   * last one added is asked, and can ask the one before it by `call.next()`. Whatever goes wrong refuses the call.
   * Throws ERR_INVALID_OPTION.
   */
  intercept<Name extends SyscallName>(
    names: Name | readonly Name[],
    handler: InterceptHandler<Name>,
    options?: InterceptOptions,
  ): Interception {
    return this.#interceptors.add(names, handler, options);
  }

  #openChannel(): InterceptChannel | undefined {
    const calls = this.#interceptors.calls();
    return calls && new InterceptChannel(this.#interceptors, calls);
  }

  /**
   * Runs a program to its end and returns what it wrote. A status other than 0, a signal, a timeout and too
   * much output are results, not errors. Waits until stdout and stderr are closed, so also for processes in
   * the background that hold them. Rejects as spawn() and GuestProcess.exited do, and with ERR_INPUT.
   */
  exec(argv: readonly string[], options: ExecOptions & { encoding: 'buffer' }): Promise<ExecResult<Buffer>>;
  exec(
    argv: readonly string[],
    options?: ExecOptions & { encoding?: 'utf8' | undefined },
  ): Promise<ExecResult>;
  exec(argv: readonly string[], options?: ExecOptions): Promise<ExecResult<string | Buffer>>;
  async exec(argv: readonly string[], options: ExecOptions = {}): Promise<ExecResult<string | Buffer>> {
    validateArgv('Sandbox.exec', argv);
    validateOptions('Sandbox.exec', options, this.#isolated !== undefined);
    const { input, encoding, maxOutputBytes, ...common } = options;
    const guest = await this.#start(argv, {
      ...common,
      stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    });
    const limit = maxOutputBytes ?? this.#options.maxOutputBytes ?? defaultMaxOutputBytes;
    const captures = [guest.stdout, guest.stderr].map(
      (stream) =>
        new Capture(stream as NonNullable<typeof stream>, limit, () => {
          this.#events.limit(guest.program, guest.pid, 'output');
          void guest.end();
        }),
    );
    if (guest.stdin) feed(guest.stdin, input, (error) => void guest.end(error));

    const output = Promise.all(captures.map((capture) => capture.done));
    try {
      const exit = await guest.exited;
      await Promise.race([output, guest.gone.then(() => drained(captures))]);
      const [stdout, stderr] = captures.map((capture) =>
        encoding === 'buffer' ? capture.bytes() : capture.bytes().toString('utf8'),
      ) as [string, string];
      const truncated = exit.limit === 'output' || captures.some((capture) => capture.truncated);
      return { ...exit, stdout, stderr, truncated };
    } finally {
      guest.stdin?.destroy();
      guest.stdout?.destroy();
      guest.stderr?.destroy();
    }
  }

  /** What all programs of the sandbox have used and use now. */
  metrics(): SandboxMetrics {
    if (this.#lastMetrics) return this.#lastMetrics;
    const plan = this.#isolated?.description.limits;
    const programs = [...this.#processes].map((guest) => guest.metrics());
    const counts = programs.reduce<Counts>(addCounts, this.#past);
    const sum = (value: (one: (typeof programs)[number]) => number): number =>
      programs.reduce((total, one) => total + value(one), 0);
    const group = plan && memoryUsage(plan.usage);
    const currentBytes = group?.currentBytes ?? sum((one) => one.memory.currentBytes);
    this.#peakBytes = Math.max(this.#peakBytes, currentBytes);
    return {
      programs: { running: programs.length, ended: this.#past.ended },
      processes: sum((one) => one.processes),
      cpu: (plan && processorTime(plan.usage)) ?? {
        userMs: this.#past.userMs + sum((one) => one.cpu.userMs),
        systemMs: this.#past.systemMs + sum((one) => one.cpu.systemMs),
      },
      memory: { currentBytes, peakBytes: group?.peakBytes ?? this.#peakBytes },
      exits: counts.exits,
      syscalls: counts.syscalls,
      faults: counts.faults,
      limits: { ...plan?.keepers },
    };
  }

  #remember(guest: GuestProcess): void {
    this.#processes.delete(guest);
    const { exits, syscalls, faults } = guest.counts();
    const { userMs = 0, systemMs = 0, maxRssBytes = 0 } = guest.usage ?? {};
    this.#past = {
      ...addCounts(this.#past, { exits, syscalls, faults }),
      ended: this.#past.ended + 1,
      userMs: this.#past.userMs + userMs,
      systemMs: this.#past.systemMs + systemMs,
    };
    this.#peakBytes = Math.max(this.#peakBytes, maxRssBytes);
  }

  /**
   * Calls `listener` for each event of this kind from now on, of programs that run already too. Nothing is looked at that
   * nobody asks for. `options.syscalls` names the calls that make 'syscall' events. Throws ERR_INVALID_OPTION,
   * ERR_SANDBOX_CLOSED, ERR_SYSTEM.
   */
  on<Kind extends EventKind>(
    kind: Kind,
    listener: (event: EventOf<Kind>) => void,
    options: Pick<EventFilter, 'syscalls'> = {},
  ): this {
    this.#listeners.add(kind, listener, options, false);
    return this;
  }

  /** As on(), for the next event only. */
  once<Kind extends EventKind>(
    kind: Kind,
    listener: (event: EventOf<Kind>) => void,
    options: Pick<EventFilter, 'syscalls'> = {},
  ): this {
    this.#listeners.add(kind, listener, options, true);
    return this;
  }

  off<Kind extends EventKind>(kind: Kind, listener: (event: EventOf<Kind>) => void): this {
    this.#listeners.remove(kind, listener);
    return this;
  }

  /**
   * All events from now on, or those that `options` name; ends when the sandbox is closed, the loop is left, or the signal
   * aborted. Throws as on().
   */
  events<Kind extends EventKind = EventKind>(
    options: EventStreamOptions<Kind> = {},
  ): AsyncIterableIterator<EventOf<Kind>> {
    return this.#events.stream(options);
  }

  /** How many events were given out, and how many were not. */
  get eventCounters(): EventCounters {
    return this.#events.counters;
  }

  /**
   * Ends all programs, waits until every process of theirs is gone, and closes the device. Idempotent. Rejects with
   * ERR_SYSTEM when a control group of the sandbox cannot be removed.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#closed = true;
    if (this.#starting > 0) await new Promise<void>((resolve) => (this.#idle = resolve));
    await Promise.all([...this.#processes].map((guest) => guest.end(closedError(`process ${guest.pid}`))));
    this.#lastMetrics = this.metrics();
    try {
      await this.#isolated?.close();
    } finally {
      this.#events.close();
      const { addon } = native();
      addon.closeFd(this.#device.fd);
      if (this.#policyFd !== undefined) addon.closeFd(this.#policyFd);
      if (this.#chaosFd !== undefined) addon.closeFd(this.#chaosFd);
      log('closed');
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #mustBeOpen(): void {
    if (this.#closed)
      throw new SandboxError('ERR_SANDBOX_CLOSED', 'Cannot start a program: the sandbox is closed');
    const deadlineMs = this.#isolated?.description.deadlineMs ?? 0;
    if (deadlineMs !== 0 && process.hrtime.bigint() / 1_000_000n >= deadlineMs) this.#usedUp = 'wallMs';
    if (this.#usedUp)
      throw new SandboxError(
        'ERR_SANDBOX_CLOSED',
        `Cannot start a program: the sandbox's limits.${this.#usedUp} is used up`,
      );
  }
}

/** Throws ERR_ABORTED when it is. */
export function mustNotBeAborted(program: string, signal: AbortSignal | undefined): void {
  if (!signal?.aborted) return;
  throw new SandboxError('ERR_ABORTED', `Did not start ${program}: the signal was aborted before`, {
    cause: signal.reason,
  });
}

/** Throws ERR_LIMIT_UNAVAILABLE when a standard stream takes output that does not pass this process. */
function mustBeCounted(stdio: readonly (StdioEntry | undefined)[], allowWeaker: readonly string[]): void {
  if (allowWeaker.includes('output')) return;
  for (const index of [1, 2]) {
    if (stdio[index] === 'pipe' || stdio[index] === 'ignore') continue;
    throw new SandboxError(
      'ERR_LIMIT_UNAVAILABLE',
      `Cannot keep options.limits.output: options.stdio[${index}] does not pass this process`,
      {
        path: 'options.limits.output',
        value: stdio[index],
        remedy: "Use 'pipe' or 'ignore' for stdout and stderr, or allowWeaker: ['output'].",
      },
    );
  }
}

function closedError(what: string): SandboxError {
  return new SandboxError('ERR_SANDBOX_CLOSED', `Ended ${what}: the sandbox was closed`);
}

/** Resolves when no byte has come for `drainMs`, a whole turn of the event loop included. */
async function drained(captures: readonly Capture[]): Promise<void> {
  const size = (): number => captures.reduce((sum, capture) => sum + capture.received, 0);
  for (let before = -1, now = size(); now !== before; now = size()) {
    before = now;
    await sleep(drainMs, undefined, { ref: false });
    await nextTurn();
  }
}

/** By the guest's numbers. */
function stdioEntries(stdio: Stdio): readonly (StdioEntry | undefined)[] {
  if (typeof stdio === 'string') return [stdio, stdio, stdio];
  return Array.from(stdio, (entry, number) => entry ?? (number < 3 ? 'ignore' : undefined));
}
