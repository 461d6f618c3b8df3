/** Starts the supervisor with the descriptors of native/abi/start.h. Everything opened here is closed here. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, openSync } from 'node:fs';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { Counters } from './counters.js';
import { logger } from './debug.js';
import { SandboxError, toSandboxError } from './errors.js';
import type { ProgramEvents } from './events.js';
import type { Keeper } from './keeper.js';
import { type Addon, native } from './native.js';
import type { StdioEntry } from './options.js';
import type { OutputMeter } from './output-meter.js';
import { encodeStartBlob, type StartBlob, startFd, startFlags } from './start-blob.js';

const log = logger('launch');

// What is first is the default.
const callPaths: Record<string, Record<string, number>> = {
  BARCHAN_RING: { auto: startFlags.ringAuto, on: startFlags.ringOn, off: 0 },
  BARCHAN_PATCH: { auto: 0, on: startFlags.patchOn, off: startFlags.patchOff },
  BARCHAN_ANSWERS: { auto: 0, on: startFlags.answersOn, off: startFlags.answersOff },
};

/**
 * How system calls reach the host (docs/performance.md), which is for tests and measurements to choose. By itself a program
 * whose processor time or tasks are `counted` gets no executor, which would take its share of both. Whoever turns the ring off
 * wants every call to leave the guest, and says so if not.
 */
export function callPathFlags(env: NodeJS.ProcessEnv, counted = false): number {
  let flags = 0;
  for (const [name, values] of Object.entries(callPaths)) {
    const asked = env[name] ?? (name === 'BARCHAN_ANSWERS' && env.BARCHAN_RING === 'off' ? 'off' : undefined);
    const value = asked ?? (counted && name === 'BARCHAN_RING' ? 'off' : (Object.keys(values)[0] ?? ''));
    const flag = Object.hasOwn(values, value) ? values[value] : undefined;
    if (flag === undefined) {
      throw new SandboxError('ERR_INVALID_OPTION', `${name} is "${value}", which is not on, off or auto`);
    }
    flags |= flag;
  }
  return flags;
}

export interface LaunchRequest {
  argv: readonly [string, ...string[]];
  argv0?: string | undefined;
  program: string;
  env: NodeJS.ProcessEnv;
  cwd?: string | undefined;
  /** By the guest's numbers; a hole from 3 on is a closed one. */
  stdio: readonly (StdioEntry | undefined)[];
  kvmFd: number;
  newSession: boolean;
  /** Standard input is the terminal of a session that the program leads. */
  terminal?: boolean | undefined;
  traceFd?: number | undefined;
  /** Executed in the monitor's place; for tests of what surrounds it. */
  image?: string | undefined;
  /** The guest's limit on open files; default: this process's. */
  fileLimit?: { soft: number; hard: number } | undefined;
  /** The sandbox that the program runs in; `program` is then looked up there, in PATH too. */
  keeper?: Pick<Keeper, 'pidFd' | 'blobFd'> | undefined;
  /** A limit of the sandbox counts its processor time or its tasks. */
  counted?: boolean | undefined;
  /** Counts stdout and stderr, where they are pipes. */
  meter?: OutputMeter | undefined;
  /** A memfd with native/abi/policy.h. */
  policyFd?: number | undefined;
  /** The program's end of the socket for the calls that Node decides, and these calls (start-blob.ts). */
  intercept?: { fd: number; calls: Uint8Array } | undefined;
  events?: ProgramEvents | undefined;
  /** A memfd with native/abi/chaos.h. */
  chaosFd?: number | undefined;
  /** The program's end of a debugger's socket (native/abi/debug.h). */
  debugFd?: number | undefined;
}

export interface Launched {
  supervisor: ChildProcess;
  control: Socket;
  /** The read end of the monitor's report pipe, non-blocking; closed by the caller, through the addon. */
  reportFd: number;
  counters: Counters;
  /** The program runs in a sandbox, with an init beside it. */
  isolated: boolean;
  /** A policy binds the monitor: see deathByFilter(). */
  confined: boolean;
  /** Our ends of the standard streams that are pipes. */
  streams: (Duplex | null)[];
}

/** Descriptors of this process during a start. */
class Descriptors {
  readonly #addon: Addon;
  readonly #files: number[] = [];
  readonly #passed: number[] = [];
  readonly #kept: number[] = [];

  constructor(addon: Addon) {
    this.#addon = addon;
  }

  /** Opens a file for the child. */
  open(path: string, flags: number): number {
    const fd = openSync(path, flags);
    this.#files.push(fd);
    return fd;
  }

  /** From the addon, for the child, which gets a copy: closed in any case. */
  pass(fd: number): number {
    this.#passed.push(fd);
    return fd;
  }

  /** From the addon, for us: closed only when the start fails. */
  keep(fd: number): number {
    this.#kept.push(fd);
    return fd;
  }

  close(failed: boolean): void {
    for (const fd of this.#files) closeSync(fd);
    for (const fd of this.#passed) this.#addon.closeFd(fd);
    if (failed) for (const fd of this.#kept) this.#addon.closeFd(fd);
  }
}

/** What the child gets as standard stream `index`, and our end when it is a pipe. */
function openStream(addon: Addon, fds: Descriptors, entry: StdioEntry, index: number): [number, number?] {
  if (entry === 'inherit') return [index];
  if (typeof entry === 'number') return [entry];
  if (entry === 'ignore') {
    return [fds.open('/dev/null', index === 0 ? constants.O_RDONLY : constants.O_WRONLY)];
  }
  const [readEnd, writeEnd] = addon.createPipe(false);
  return index === 0 ? [fds.pass(readEnd), fds.keep(writeEnd)] : [fds.pass(writeEnd), fds.keep(readEnd)];
}

function pipeStream(addon: Addon, fd: number, writable: boolean, meter: OutputMeter | undefined): Socket {
  const stream = new Socket({ fd, readable: !writable, writable });
  if (!writable) meter?.attach(stream);
  addon.releaseFd(fd);
  return stream;
}

/** Throws ERR_SYSTEM or ERR_NATIVE_NOT_BUILT, with nothing left open. */
export async function launch(request: LaunchRequest): Promise<Launched> {
  const { addon, monitorPath, supervisorPath } = native();
  const fds = new Descriptors(addon);
  let failed = true;
  let counters: Counters | undefined;
  try {
    const standard = [0, 1, 2].map((index) =>
      openStream(addon, fds, request.stdio[index] ?? 'ignore', index),
    );
    const numbered = [...request.stdio.entries()].slice(3).filter(([, fd]) => fd !== undefined);
    counters = new Counters();
    const [reportRead, reportWrite] = addon.createPipe(true);
    fds.keep(reportRead);
    fds.pass(reportWrite);

    // By the numbers that they get in the child: push() tells them.
    const stdio: (number | 'pipe')[] = standard.map(([fd]) => fd);
    const push = (...added: number[]): number => stdio.push(...added) - added.length;
    stdio[startFd.kvm] = request.kvmFd;
    stdio[startFd.image] = fds.open(request.image ?? monitorPath, constants.O_RDONLY);
    push(...numbered.map(([, fd]) => fd as number));
    const { chaosFd, events, keeper, policyFd, traceFd } = request;
    const blob: StartBlob = {
      flags:
        (traceFd === undefined ? 0 : startFlags.trace) |
        (keeper ? startFlags.searchPath : 0) |
        (request.terminal ? startFlags.terminal : 0) |
        callPathFlags(process.env, request.counted),
      extraFds: numbered.length,
      numbers: numbered.some(([number], i) => number !== i + 3)
        ? numbered.map(([number]) => number)
        : undefined,
      reportFd: push(reportWrite),
      traceFd: traceFd === undefined ? -1 : push(traceFd),
      sandboxFd: keeper ? push(keeper.pidFd, keeper.blobFd) : 0,
      policyFd: policyFd === undefined ? 0 : push(policyFd),
      // Only the number counts: the supervisor puts its own socket there.
      breachFd: policyFd === undefined ? 0 : push(policyFd),
      interceptFd: request.intercept ? push(request.intercept.fd) : 0,
      interceptCalls: request.intercept?.calls,
      countersFd: push(counters.fd),
      eventsFd: events ? push(events.memoryFd, events.wakeFd) : 0,
      programId: events?.programId,
      chaosFd: chaosFd === undefined ? 0 : push(chaosFd),
      debugFd: request.debugFd === undefined ? 0 : push(request.debugFd),
      program: request.program,
      cwd: request.cwd,
      fileLimit: request.fileLimit,
    };
    stdio[startFd.blob] = fds.pass(addon.createMemfd('barchan-start', encodeStartBlob(blob)));
    stdio.push('pipe'); // the control socket

    log('start %s %o in %s', request.program, request.argv, request.cwd ?? '.');
    const supervisor = spawn(supervisorPath, request.argv.slice(1), {
      argv0: request.argv0 ?? request.argv[0],
      // Node would pass inherited properties on as well, which nobody has validated.
      env: { ...request.env },
      stdio,
      detached: request.newSession,
    });
    // Some failures come as an event, others as an exception.
    if (supervisor.pid === undefined) throw (await once(supervisor, 'error'))[0];

    supervisor.on('error', (error) => log('supervisor %d: %s', supervisor.pid, error.message));
    failed = false;
    return {
      supervisor,
      control: supervisor.stdio[stdio.length - 1] as Socket,
      reportFd: reportRead,
      counters,
      isolated: keeper !== undefined,
      confined: policyFd !== undefined,
      streams: standard.map(([, fd], index) =>
        fd === undefined ? null : pipeStream(addon, fd, index === 0, request.meter),
      ),
    };
  } catch (error) {
    throw toSandboxError(error, `Cannot start ${request.program}`);
  } finally {
    fds.close(failed);
    if (failed) counters?.close();
  }
}
