/** One run of a sample, from what is planted before it to the verdict. */
import { writeFile } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { SandboxError } from '../errors.js';
import { feed } from '../feed.js';
import { defaultEnv, isImage } from '../isolation.js';
import { type SandboxOptions, validateOptions } from '../options.js';
import { namedPolicy } from '../policy-option.js';
import type { PipedProcess, ProcessExit } from '../process.js';
import { mustNotBeAborted, Sandbox } from '../sandbox.js';
import { version } from '../version.js';
import { Canaries } from './canaries.js';
import { type Dropped, DroppedFiles } from './dropped.js';
import { type AttackReport, answer, readLine } from './judge.js';
import { judge } from './judgement.js';
import type { VirtualNetwork } from './network.js';
import { Observer } from './observer.js';
import {
  defaultKept,
  defaultProgressMs,
  defaultTimeoutMs,
  type HarnessOptions,
  type HarnessProgress,
  type Kept,
} from './options.js';
import { Head, Lines } from './output.js';
import { fileHash, type PreparedSample, prepareSample, type Sample } from './sample.js';
import { type Verdict, verdictVersion } from './verdict.js';

/** What is left of a stream when its program is gone: somebody else holds it. */
const drainMs = 1000;
/** With back-pressure nothing is lost; so many may wait, 1 KiB each. */
const eventSlots = 4096;
/** That mean that a layer was broken, or nearly. */
const breaches: readonly string[] = ['ERR_MONITOR_BREACH', 'ERR_MONITOR_CRASH'];

/**
 * Runs `sample` in a sandbox of its own and says what it did and what held it. Rejects, when there is no verdict, with
 * ERR_INVALID_OPTION, ERR_ABORTED, ERR_INPUT, ERR_PROGRAM_NOT_FOUND, ERR_PROGRAM_NOT_EXECUTABLE, and as Sandbox.create().
 */
export async function run(sample: Sample, options: HarnessOptions = {}): Promise<Verdict> {
  validateOptions('harness.run', options, true);
  if (options.pcap !== undefined && !isVirtual(options.network)) {
    throw new SandboxError('ERR_INVALID_OPTION', 'harness.run: options.pcap has no packets to hold', {
      path: 'options.pcap',
      value: options.pcap,
      remedy: 'Give network: "virtual" as well.',
    });
  }
  mustNotBeAborted('the sample', options.signal);
  const prepared = await prepareSample(sample, options.args ?? []);
  try {
    return await new Run(prepared, options).verdict();
  } finally {
    await prepared.release();
  }
}

class Run {
  readonly #sample: PreparedSample;
  readonly #options: HarnessOptions;
  readonly #kept: Kept;
  readonly #sandbox: SandboxOptions;
  readonly #isolated: boolean;
  readonly #observer: Observer;
  readonly #stdout: Head;
  readonly #stderr: Head;
  readonly #report: AttackReport = { attempts: [], failedControls: [] };
  readonly #started = Date.now();
  #phase: HarnessProgress['phase'] = 'preparing';
  /** What the caller's own function threw. */
  #thrown: { error: unknown } | undefined;
  #guest: PipedProcess | undefined;

  constructor(sample: PreparedSample, options: HarnessOptions) {
    this.#sample = sample;
    this.#options = options;
    this.#kept = { ...defaultKept, ...withoutUndefined(options.keep ?? {}) };
    this.#sandbox = sandboxOptions(sample, options);
    this.#isolated = this.#sandbox.isolation !== 'none';
    this.#observer = new Observer({
      command: sample.argv,
      cwd: this.#cwd,
      callsEach: this.#kept.calls,
      noNetwork:
        this.#isolated && !isVirtual(options.network) && (this.#sandbox.network ?? 'none') === 'none',
    });
    this.#stdout = new Head(this.#kept.output);
    this.#stderr = new Head(this.#kept.output);
  }

  get #cwd(): string {
    return this.#options.cwd ?? (this.#isolated ? '/tmp' : '/');
  }

  async verdict(): Promise<Verdict> {
    await using canaries = await Canaries.plant();
    this.#tell();
    const timer = setInterval(() => this.#tell(), this.#options.progressMs ?? defaultProgressMs);
    try {
      await using box = await Sandbox.create(this.#sandbox);
      return await this.#judge(box, canaries);
    } finally {
      clearInterval(timer);
    }
  }

  async #judge(box: Sandbox, canaries: Canaries): Promise<Verdict> {
    const { signal } = this.#options;
    const files = this.#isolated ? new DroppedFiles(box, this.#sandbox, this.#kept, signal) : undefined;
    await files?.begin();
    const sha256 = await this.#hash(box);
    await using net = await this.#network(box);
    this.#observer.watch(box);
    this.#begin('running');
    const { exit, failure } = await this.#execute(box, canaries);
    this.#begin('collecting');
    await net?.close();
    if (net && this.#options.pcap !== undefined) await writeFile(this.#options.pcap, net.pcap());
    const observed = this.#observer.result(box, exit);
    const left: Dropped = (await files?.end(observed.audit.files, observed.openedUnseen)) ?? {
      dropped: [],
      deleted: [],
      omitted: 0,
    };
    if (this.#thrown) throw this.#thrown.error;
    const reached = await canaries.reached([this.#stdout.bytes(), this.#stderr.bytes()]);
    const { attack } = this.#sample;
    const judgement = judge({
      attack,
      ...this.#report,
      reached,
      evidence: observed.evidence,
      failure,
      isolated: this.#isolated,
    });
    const { audit, executable, selfModification, limits, faults, syscalls } = observed;
    const omitted = observed.omitted + left.omitted + judgement.omitted + (net?.omitted ?? 0);
    return {
      barchanVerdict: verdictVersion,
      sample: { name: this.#options.name ?? this.#sample.name, argv: this.#sample.argv, sha256 },
      barchan: version,
      isolation: `barchan:${this.#policyName()}`,
      started: audit.started,
      durationMs: exit?.durationMs ?? Date.now() - this.#started,
      exit: {
        exitCode: exit?.exitCode ?? null,
        signal: exit?.signal ?? null,
        timedOut: exit?.timedOut ?? false,
      },
      stdout: this.#stdout.result(),
      stderr: this.#stderr.result(),
      complete: audit.complete && omitted === 0 && !net?.failure && !syscalls.some(({ atLeast }) => atLeast),
      missing: audit.missing,
      omitted,
      programs: audit.programs,
      processes: audit.processes,
      files: audit.files,
      ...{ dropped: left.dropped, deleted: left.deleted },
      sockets: audit.sockets,
      names: net?.names ?? [],
      flows: net?.flows ?? [],
      ...{ syscalls, denied: audit.denied, faults, executable, selfModification, limits },
      timeline: audit.timeline,
      ...this.#report,
      reached,
      contained: judgement.contained,
      stoppedBy: judgement.stoppedBy,
      evidence: judgement.evidence,
    };
  }

  async #execute(
    box: Sandbox,
    canaries: Canaries,
  ): Promise<{ exit: ProcessExit | undefined; failure: SandboxError | undefined }> {
    const { attack, argv, source } = this.#sample;
    const { env, signal, timeoutMs } = this.#options;
    const path = this.#isolated ? (argv[0] as string) : (source ?? (argv[0] as string));
    try {
      const guest = await box.spawn([path, ...argv.slice(1)], {
        env: attack ? { PATH: '/usr/bin:/bin', ...env, ...canaries.told } : (env ?? this.#defaultEnv(box)),
        cwd: attack && this.#options.cwd === undefined ? undefined : this.#cwd,
        timeoutMs: timeoutMs ?? attack?.timeoutMs ?? defaultTimeoutMs,
        signal,
      });
      this.#guest = guest;
      if (this.#thrown) void guest.end();
      this.#read(guest);
      const exit = await guest.exited;
      await Promise.race([this.#outputEnded(guest), guest.gone.then(() => later(drainMs))]);
      return { exit, failure: undefined };
    } catch (error) {
      // Of the caller's own function, which has ended the sample.
      if (this.#thrown) throw this.#thrown.error;
      if (error instanceof SandboxError && breaches.includes(error.code))
        return { exit: undefined, failure: error };
      throw error;
    } finally {
      await this.#guest?.gone;
      this.#guest?.stdin.destroy();
      this.#guest?.stdout.destroy();
      this.#guest?.stderr.destroy();
    }
  }

  #defaultEnv(box: Sandbox): NodeJS.ProcessEnv {
    return box.image?.env ?? defaultEnv();
  }

  #read(guest: PipedProcess): void {
    const { attack } = this.#sample;
    if (attack) {
      guest.stdin.on('error', () => {});
      const lines = new Lines((line) => {
        readLine(line, this.#report);
        const answered = attack.reads && answer(line, () => guest.pid);
        if (answered !== undefined) guest.stdin.write(answered);
      });
      guest.stdout.on('data', (chunk: Buffer) => lines.take(chunk)).once('end', () => lines.end());
    } else feed(guest.stdin, this.#options.stdin, (error) => void guest.end(error));
    guest.stdout.on('data', (chunk: Buffer) => this.#stdout.take(chunk));
    guest.stderr.on('data', (chunk: Buffer) => this.#stderr.take(chunk));
  }

  async #outputEnded(guest: PipedProcess): Promise<void> {
    const ended = (stream: Readable): Promise<void> =>
      stream.closed || stream.readableEnded
        ? Promise.resolve()
        : new Promise((resolve) => stream.once('close', () => resolve()));
    await Promise.all([ended(guest.stdout), ended(guest.stderr)]);
  }

  /** Of the sample's file: the host's, or the one inside before it can be changed. */
  async #hash(box: Sandbox): Promise<string | undefined> {
    if (this.#sample.source !== undefined) return fileHash(this.#sample.source);
    const name = this.#sample.argv[0] as string;
    const search = (this.#options.env ?? this.#defaultEnv(box)).PATH ?? '/usr/bin:/bin';
    const paths = name.includes('/') ? [name] : search.split(':').map((folder) => `${folder}/${name}`);
    const { createHash } = await import('node:crypto');
    for (const path of paths.filter((each) => each.startsWith('/'))) {
      try {
        const bytes = await box.files.read(path, { maxBytes: this.#kept.hashed });
        return createHash('sha256').update(bytes).digest('hex');
      } catch (error) {
        if (!(error instanceof SandboxError && error.code.startsWith('ERR_FILE'))) throw error;
        if (error.code !== 'ERR_FILE_NOT_FOUND') return undefined;
      }
    }
    return undefined;
  }

  async #network(box: Sandbox): Promise<VirtualNetwork | undefined> {
    const { network } = this.#options;
    if (!isVirtual(network)) return undefined;
    const net = network === 'virtual' ? new (await import('./network.js')).VirtualNetwork() : network;
    await net.attach(box);
    return net;
  }

  #policyName(): string {
    const { policy } = this.#sandbox;
    if (policy === undefined) return this.#isolated ? 'default' : 'none';
    return namedPolicy(policy).name;
  }

  #begin(phase: HarnessProgress['phase']): void {
    this.#phase = phase;
    this.#tell();
  }

  #tell(): void {
    if (!this.#options.onProgress || this.#thrown) return;
    const { events, calls, processes } = this.#observer;
    const elapsedMs = Date.now() - this.#started;
    try {
      this.#options.onProgress({ phase: this.#phase, elapsedMs, events, syscalls: calls, processes });
    } catch (error) {
      this.#thrown = { error };
      void this.#guest?.end();
    }
  }
}

function sandboxOptions(sample: PreparedSample, options: HarnessOptions): SandboxOptions {
  const { attack } = sample;
  const { policy, hostname, user, rlimits, limits, scratchBytes, allowWeaker, kvmDevice } = options;
  const network = isVirtual(options.network) ? 'none' : options.network;
  const given = { policy, network, hostname, user, rlimits, limits, scratchBytes, allowWeaker, kvmDevice };
  const events = { slots: eventSlots, backpressure: 'block' } as const;
  if (attack?.options.isolation === 'none')
    return { ...attack.options, ...withoutUndefined({ policy, kvmDevice }), events };
  const rootfs = options.rootfs ?? attack?.options.rootfs;
  return {
    ...attack?.options,
    ...withoutUndefined(given),
    rootfs: attack ? (rootfs ?? 'host') : withLayer(rootfs),
    mounts: [...(attack?.options.mounts ?? []), ...(options.mounts ?? []), ...sample.mounts],
    events,
  };
}

function withLayer(rootfs: HarnessOptions['rootfs']): SandboxOptions['rootfs'] {
  if (rootfs === undefined) return { directory: '/', writable: 'tmpfs' };
  if (rootfs === 'host' || isImage(rootfs)) return rootfs;
  return { ...rootfs, writable: rootfs.writable ?? 'tmpfs' };
}

const isVirtual = (network: HarnessOptions['network']): network is 'virtual' | VirtualNetwork =>
  network === 'virtual' || typeof network === 'object';

const later = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

function withoutUndefined<T extends object>(values: T): { [Key in keyof T]: Exclude<T[Key], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [Key in keyof T]: Exclude<T[Key], undefined>;
  };
}
