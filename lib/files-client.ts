/** The process that reaches into a sandbox's files (native/files), and the talk with it. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { logger } from './debug.js';
import { SandboxError } from './errors.js';
import {
  decodeEvents,
  decodeFileAnswer,
  encodeFileRequest,
  type FileAnswer,
  type FileRequest,
  filesMessageMost,
  type RawEvent,
} from './files-message.js';
import type { Keeper } from './keeper.js';
import { type Addon, native, type Watcher } from './native.js';
import { startSandboxProcess } from './sandbox-process.js';
import { type SetupFailure, setupError } from './setup-failure.js';

const log = logger('files');

/** Requests in the socket at once; the others wait here. */
const mostInFlight = 32;
/** Between packets of events, so that a guest that changes files all the time does not keep this process busy. */
const eventsEveryMs = 20;

/** An answer, and the descriptor that came with it, which is the receiver's to close (through the addon). */
export type Answered = FileAnswer & { fd: number | undefined };

interface Pending {
  request: FileRequest;
  resolve(answer: Answered): void;
  reject(error: SandboxError): void;
}

export class FilesClient {
  readonly #addon: Addon;
  readonly #process: ChildProcess;
  readonly #gone: Promise<unknown>;
  readonly #fd: number;
  readonly #watcher: Watcher;
  readonly #inFlight = new Map<number, Pending>();
  readonly #waiting: Pending[] = [];
  #ready: ((line: string | undefined) => void) | undefined;
  #nextId = 1;
  #ended: SandboxError | undefined;
  #eventTimer: NodeJS.Timeout | undefined;
  /** Called with each packet of events, once events were asked for. */
  onEvents: (events: RawEvent[]) => void = () => {};
  /** Called once, when the process has ended by itself. */
  onEnd: (error: SandboxError) => void = () => {};

  /** Rejects with ERR_SANDBOX_SETUP or ERR_SYSTEM; then nothing is left. */
  static async start(keeper: Pick<Keeper, 'pidFd' | 'blobFd'>): Promise<FilesClient> {
    const { child, fd } = await startSandboxProcess(native().filesPath, [], keeper);
    const client = new FilesClient(child, fd);
    const line = await new Promise<string | undefined>((resolve) => {
      client.#ready = resolve;
    });
    if (line?.includes('"ready"')) return client;
    await client.close();
    if (line) throw setupError(JSON.parse(line) as SetupFailure);
    throw new SandboxError(
      'ERR_SYSTEM',
      "Cannot reach a sandbox's files: the process for it was ended from outside",
    );
  }

  private constructor(process: ChildProcess, fd: number) {
    this.#addon = native().addon;
    this.#process = process;
    this.#gone = once(process, 'exit');
    process.unref();
    this.#fd = fd;
    this.#watcher = new this.#addon.Watcher(fd, (readable, _writable, gone) => {
      if (readable || gone) this.#take();
    });
    this.#watcher.select(true, false);
    this.#watcher.ref(); // until it has said that it is ready
  }

  /** Rejects when the process is gone. */
  request(request: FileRequest): Promise<Answered> {
    return new Promise((resolve, reject) => {
      if (this.#ended) return reject(this.#ended);
      this.#waiting.push({ request, resolve, reject });
      this.#send();
    });
  }

  /** From now on events come. */
  listen(): void {
    this.#nextEvents();
  }

  /** Requests that wait are rejected with `reason`; resolves when the process is gone. */
  async close(reason?: SandboxError): Promise<void> {
    this.#end(
      reason ?? new SandboxError('ERR_SANDBOX_CLOSED', "Cannot reach a sandbox's files: it was closed"),
    );
    this.#process.ref();
    await this.#gone;
  }

  #send(): void {
    while (this.#waiting.length > 0 && this.#inFlight.size < mostInFlight && !this.#ended) {
      const pending = this.#waiting.shift() as Pending;
      const id = this.#nextId;
      this.#nextId = id === 2 ** 32 - 1 ? 1 : id + 1;
      try {
        this.#addon.sendMessage(this.#fd, encodeFileRequest(id, pending.request));
        this.#inFlight.set(id, pending);
      } catch (error) {
        pending.reject(
          new SandboxError('ERR_SYSTEM', "Cannot reach a sandbox's files", { cause: error as Error }),
        );
      }
    }
    if (this.#inFlight.size > 0 || this.#ready) this.#watcher.ref();
    else this.#watcher.unref();
  }

  #take(): void {
    while (!this.#ended) {
      let message: ReturnType<Addon['receiveMessage']>;
      try {
        message = this.#addon.receiveMessage(this.#fd, filesMessageMost);
      } catch (error) {
        log('socket: %s', (error as Error).message);
        this.#lost();
        return;
      }
      if (message === null) return;
      const [fd, ...more] = message.fds;
      for (const surplus of more) this.#addon.closeFd(surplus);
      if (message.bytes.length === 0) {
        this.#lost();
        return;
      }
      if (this.#ready) {
        this.#ready(message.bytes.toString('utf8'));
        this.#ready = undefined;
        this.#watcher.unref();
        continue;
      }
      this.#deliver(message.bytes, fd);
    }
  }

  #deliver(bytes: Buffer, fd: number | undefined): void {
    const answer = decodeFileAnswer(bytes);
    const pending = answer && this.#inFlight.get(answer.id);
    // Only an open file comes with a descriptor.
    if (fd !== undefined && pending?.request.operation !== 'open') {
      this.#addon.closeFd(fd);
      fd = undefined;
    }
    if (answer?.id === 0) {
      this.onEvents(decodeEvents(answer.payload));
      clearTimeout(this.#eventTimer);
      this.#eventTimer = setTimeout(() => this.#nextEvents(), eventsEveryMs);
      this.#eventTimer.unref();
      return;
    }
    if (!pending) return;
    this.#inFlight.delete(answer.id);
    pending.resolve({ ...answer, fd });
    this.#send();
  }

  #nextEvents(): void {
    if (this.#ended) return;
    try {
      this.#addon.sendMessage(this.#fd, encodeFileRequest(0, { operation: 'nextEvents' }));
    } catch {
      // The socket is full of requests: later.
      this.#eventTimer = setTimeout(() => this.#nextEvents(), eventsEveryMs);
      this.#eventTimer.unref();
    }
  }

  #lost(): void {
    const error = new SandboxError(
      'ERR_SYSTEM',
      "Cannot reach a sandbox's files: the process for it was ended from outside",
      { remedy: 'Try again.' },
    );
    this.#end(error);
    this.onEnd(error);
  }

  #end(reason: SandboxError): void {
    if (this.#ended) return;
    this.#ended = reason;
    clearTimeout(this.#eventTimer);
    this.#watcher.close();
    this.#addon.closeFd(this.#fd);
    this.#ready?.(undefined);
    for (const pending of [...this.#inFlight.values(), ...this.#waiting]) pending.reject(reason);
    this.#inFlight.clear();
    this.#waiting.length = 0;
  }
}
