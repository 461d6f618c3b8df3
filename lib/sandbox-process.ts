/**
 * A process of ours that joins a sandbox (native/files, native/network) and answers requests over a socket of packets: its start,
 * the requests that are under way, and its end.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Log } from './debug.js';
import type { SandboxError } from './errors.js';
import type { Keeper } from './keeper.js';
import { type Addon, native, type Watcher } from './native.js';
import { type SetupFailure, setupError } from './setup-failure.js';

/** A packet from the process. Its descriptors are the receiver's to close, through the addon. */
export interface Packet {
  bytes: Buffer;
  fds: number[];
}

/** What is talked about with such a process. */
export interface Talk<Request, Answer> {
  program: string;
  args: readonly string[];
  log: Log;
  /** Bytes of a packet. */
  messageMost: number;
  /** Requests in the socket at once; the others wait here. */
  mostInFlight: number;
  /** Whether requests that are under way keep Node from ending. */
  holdsNode: boolean;
  encode(id: number, request: Request): Buffer;
  /** The request that a packet answers; undefined: none. Never 0, which is for packets that nobody asked for. */
  idOf(bytes: Buffer): number | undefined;
  /** An answer to `request`, or throws why it has failed; the packet's descriptors are then closed. */
  decode(packet: Packet, request: Request): Answer;
  /** Of a request that cannot be sent. */
  unsent(cause: Error): SandboxError;
  /** Of all requests, when the process has ended by itself. */
  gone(): SandboxError;
}

interface Pending<Request, Answer> {
  request: Request;
  resolve(answer: Answer): void;
  reject(error: unknown): void;
}

export class SandboxProcess<Request, Answer> {
  readonly #addon: Addon = native().addon;
  readonly #talk: Talk<Request, Answer>;
  readonly #process: ChildProcess;
  readonly #exited: Promise<unknown>;
  readonly #fd: number;
  readonly #watcher: Watcher;
  readonly #inFlight = new Map<number, Pending<Request, Answer>>();
  readonly #waiting: Pending<Request, Answer>[] = [];
  #ready: ((line: string | undefined) => void) | undefined;
  #nextId = 1;
  #ended: SandboxError | undefined;
  /** Told of packets that are no answers. */
  onPacket: ((bytes: Buffer) => void) | undefined;
  /** Told once, when the process has ended by itself. */
  onGone: ((error: SandboxError) => void) | undefined;

  /** Rejects with ERR_SANDBOX_SETUP, as `talk.gone()`, or with what spawn(2) says; then nothing is left. */
  static async start<Request, Answer>(
    talk: Talk<Request, Answer>,
    keeper: Pick<Keeper, 'pidFd' | 'blobFd'>,
  ): Promise<SandboxProcess<Request, Answer>> {
    const { addon } = native();
    const [ours, theirs] = addon.createSocketPair(true);
    const child = spawn(talk.program, talk.args, {
      stdio: ['ignore', 'ignore', 'ignore', theirs, keeper.pidFd, keeper.blobFd],
      env: {},
      cwd: '/',
      detached: true,
    });
    addon.closeFd(theirs);
    if (child.pid === undefined) {
      addon.closeFd(ours);
      throw (await once(child, 'error'))[0];
    }
    const started = new SandboxProcess(talk, child, ours);
    const line = await new Promise<string | undefined>((resolve) => {
      started.#ready = resolve;
    });
    if (line?.includes('"ready"')) return started;
    const error = talk.gone();
    await started.close(error);
    throw line ? setupError(JSON.parse(line) as SetupFailure) : error;
  }

  private constructor(talk: Talk<Request, Answer>, process: ChildProcess, fd: number) {
    this.#talk = talk;
    this.#process = process;
    this.#exited = once(process, 'exit');
    process.unref();
    this.#fd = fd;
    this.#watcher = new this.#addon.Watcher(fd, (readable, _writable, left) => {
      if (readable || left) this.#take();
    });
    this.#watcher.select(true, false);
    this.#watcher.ref(); // until it has said that it is ready
  }

  /** The process is gone, or leaves. */
  get ended(): boolean {
    return this.#ended !== undefined;
  }

  /** Rejects as `talk` says, and when the process is gone. */
  request(request: Request): Promise<Answer> {
    return new Promise((resolve, reject) => {
      if (this.#ended) return reject(this.#ended);
      this.#waiting.push({ request, resolve, reject });
      this.#send();
    });
  }

  /** A packet that asks for no answer. Throws when there is no room in the socket. */
  send(bytes: Buffer): void {
    if (!this.#ended) this.#addon.sendMessage(this.#fd, bytes);
  }

  /** Requests that wait are rejected with `reason`; resolves when the process is gone. */
  async close(reason: SandboxError): Promise<void> {
    this.onGone = undefined;
    this.#end(reason);
    this.#process.ref();
    await this.#exited;
  }

  #send(): void {
    while (this.#waiting.length > 0 && this.#inFlight.size < this.#talk.mostInFlight && !this.#ended) {
      const pending = this.#waiting.shift() as Pending<Request, Answer>;
      const id = this.#nextId;
      this.#nextId = id === 2 ** 32 - 1 ? 1 : id + 1;
      this.#inFlight.set(id, pending);
      try {
        if (!this.#addon.sendMessage(this.#fd, this.#talk.encode(id, pending.request)))
          this.#end(this.#talk.gone());
      } catch (cause) {
        this.#inFlight.delete(id);
        pending.reject(this.#talk.unsent(cause as Error));
      }
    }
    this.#hold();
  }

  #hold(): void {
    if (this.#ended) return;
    if (this.#ready || (this.#talk.holdsNode && this.#inFlight.size > 0)) this.#watcher.ref();
    else this.#watcher.unref();
  }

  #take(): void {
    while (!this.#ended) {
      let packet: ReturnType<Addon['receiveMessage']>;
      try {
        packet = this.#addon.receiveMessage(this.#fd, this.#talk.messageMost);
      } catch (error) {
        this.#talk.log('socket: %s', (error as Error).message);
        this.#end(this.#talk.gone());
        return;
      }
      if (packet === null) return;
      this.#deliver(packet);
    }
  }

  #deliver(packet: Packet): void {
    const { bytes } = packet;
    if (bytes.length === 0) {
      this.#close(packet);
      this.#end(this.#talk.gone());
      return;
    }
    if (this.#ready) {
      this.#close(packet);
      this.#ready(bytes.toString('utf8'));
      this.#ready = undefined;
      this.#hold();
      return;
    }
    const id = this.#talk.idOf(bytes);
    const pending = id === undefined ? undefined : this.#inFlight.get(id);
    if (id === undefined || !pending) {
      this.#close(packet);
      if (id === 0) this.onPacket?.(bytes);
      return;
    }
    this.#inFlight.delete(id);
    try {
      pending.resolve(this.#talk.decode(packet, pending.request));
    } catch (error) {
      this.#close(packet);
      pending.reject(error);
    }
    this.#send();
  }

  #close({ fds }: Packet): void {
    for (const fd of fds) this.#addon.closeFd(fd);
  }

  #end(reason: SandboxError): void {
    if (this.#ended) return;
    this.#ended = reason;
    this.#watcher.close();
    this.#addon.closeFd(this.#fd);
    this.#ready?.(undefined);
    for (const pending of [...this.#inFlight.values(), ...this.#waiting]) pending.reject(reason);
    this.#inFlight.clear();
    this.#waiting.length = 0;
    this.onGone?.(reason);
  }
}
