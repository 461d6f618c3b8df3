/** The process that opens sockets for a sandbox's programs (native/network), and the talk with it (native/abi/network.h). */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { logger } from './debug.js';
import { errnoText, SandboxError } from './errors.js';
import type { Keeper } from './keeper.js';
import { type Addon, native, type Watcher } from './native.js';
import { startSandboxProcess } from './sandbox-process.js';
import { type SetupFailure, setupError } from './setup-failure.js';

const log = logger('network');
const messageMost = 4096;
const requestSize = 32;
const answerSize = 8;
/** Requests in the socket at once; the others wait here. */
const mostInFlight = 16;

export interface SocketAt {
  kind: 'stream' | 'datagram';
  /** 4 or 16 bytes, as in a packet. */
  address: Uint8Array;
  port: number;
}

/** As in native/abi/network.h. */
const types = { stream: 1, datagram: 2, tcp4: 3, tcp6: 3, unix: 4 } as const;
const noAddress = new Uint8Array(4);

interface Request {
  kind: keyof typeof types;
  address: Uint8Array;
  port: number;
}

interface Pending {
  request: Request;
  /** How many descriptors. */
  wanted: 1 | 2;
  resolve(fds: number[]): void;
  reject(error: SandboxError): void;
}

const gone = (): SandboxError =>
  new SandboxError('ERR_SYSTEM', "Cannot open a socket: the process in the sandbox's network has ended");

export class NetworkSockets {
  readonly #addon: Addon;
  readonly #process: ChildProcess;
  readonly #exited: Promise<unknown>;
  readonly #fd: number;
  readonly #watcher: Watcher;
  readonly #inFlight = new Map<number, Pending>();
  readonly #waiting: Pending[] = [];
  #ready: ((line: string | undefined) => void) | undefined;
  #nextId = 1;
  #ended = false;
  /** Told once when the process ends and nobody has closed it. */
  onGone: ((error: SandboxError) => void) | undefined;

  /** `apart`: not in the sandbox's network but in an empty one. Rejects with ERR_SANDBOX_SETUP or ERR_SYSTEM; then nothing is left. */
  static async start(
    keeper: Pick<Keeper, 'pidFd' | 'blobFd'>,
    { apart = false } = {},
  ): Promise<NetworkSockets> {
    const { child, fd } = await startSandboxProcess(native().networkPath, apart ? ['apart'] : [], keeper);
    const sockets = new NetworkSockets(child, fd);
    const line = await new Promise<string | undefined>((resolve) => {
      sockets.#ready = resolve;
    });
    if (line?.includes('"ready"')) return sockets;
    await sockets.close();
    if (line) throw setupError(JSON.parse(line) as SetupFailure);
    throw gone();
  }

  private constructor(process: ChildProcess, fd: number) {
    this.#addon = native().addon;
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

  /**
   * A bound socket, of streams a listening one, which is the caller's to close through the addon. Rejects with ERR_SYSTEM, where
   * `errno` says why it could not be had.
   */
  async open(at: SocketAt): Promise<number> {
    const [fd] = await this.#ask(at, 1);
    return fd as number;
  }

  /** Both ends of a connection, the first non-blocking; as open(). */
  async openPair(kind: 'unix' | 'tcp4' | 'tcp6'): Promise<[number, number]> {
    const address = kind === 'tcp6' ? new Uint8Array(16) : noAddress;
    return (await this.#ask({ kind, address, port: 0 }, 2)) as [number, number];
  }

  /** The process is gone, or leaves. */
  get ended(): boolean {
    return this.#ended;
  }

  #ask(request: Request, wanted: 1 | 2): Promise<number[]> {
    return new Promise((resolve, reject) => {
      if (this.#ended) return reject(gone());
      this.#waiting.push({ request, wanted, resolve, reject });
      this.#send();
    });
  }

  /** Resolves when the process is gone. */
  async close(): Promise<void> {
    this.onGone = undefined;
    this.#end();
    this.#process.ref();
    await this.#exited;
  }

  #send(): void {
    while (this.#waiting.length > 0 && this.#inFlight.size < mostInFlight && !this.#ended) {
      const pending = this.#waiting.shift() as Pending;
      const { kind, address, port } = pending.request;
      const id = this.#nextId;
      this.#nextId = id === 2 ** 32 - 1 ? 1 : id + 1;
      const request = Buffer.alloc(requestSize);
      request.writeUInt32LE(id, 0);
      request.writeUInt32LE(types[kind], 4);
      request.writeUInt32LE(address.length === 16 ? 1 : 0, 8);
      request.writeUInt32LE(port, 12);
      request.set(address, 16);
      this.#inFlight.set(id, pending);
      try {
        if (!this.#addon.sendMessage(this.#fd, request)) this.#end();
      } catch (cause) {
        this.#inFlight.delete(id);
        pending.reject(
          new SandboxError('ERR_SYSTEM', "Cannot open a socket in a sandbox's network", { cause }),
        );
      }
    }
  }

  #take(): void {
    while (!this.#ended) {
      let message: ReturnType<Addon['receiveMessage']>;
      try {
        message = this.#addon.receiveMessage(this.#fd, messageMost);
      } catch (error) {
        log('socket: %s', (error as Error).message);
        this.#end();
        return;
      }
      if (message === null) return;
      const { bytes, fds } = message;
      if (this.#ready && bytes.length > 0) {
        this.#ready(bytes.toString('utf8'));
        this.#ready = undefined;
        this.#watcher.unref();
        continue;
      }
      const pending = bytes.length === answerSize ? this.#inFlight.get(bytes.readUInt32LE(0)) : undefined;
      const complete = fds.length === pending?.wanted;
      if (!complete) for (const fd of fds) this.#addon.closeFd(fd);
      if (bytes.length === 0) {
        this.#end();
        return;
      }
      if (!pending) continue;
      this.#inFlight.delete(bytes.readUInt32LE(0));
      if (complete) pending.resolve(fds);
      else {
        const errno = bytes.readUInt32LE(4) || 24; // EMFILE: there was no room for descriptors here
        pending.reject(
          new SandboxError('ERR_SYSTEM', `Cannot open a socket in a sandbox's network: ${errnoText(errno)}`, {
            errno,
          }),
        );
      }
      this.#send();
    }
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#watcher.close();
    this.#addon.closeFd(this.#fd);
    this.#ready?.(undefined);
    for (const pending of [...this.#inFlight.values(), ...this.#waiting]) pending.reject(gone());
    this.#inFlight.clear();
    this.#waiting.length = 0;
    this.onGone?.(gone());
  }
}
