/** Node's end of the socket of one program (native/abi/intercept.h): takes questions, has them decided, answers. */
import type { ChildProcess } from 'node:child_process';
import { setMaxListeners } from 'node:events';
import { logger } from './debug.js';
import { type Interceptors, NobodyWaits } from './intercept.js';
import { type Decision, Stop } from './intercept-call.js';
import { decodeRequest, encodeAnswer, interceptMessageMost } from './intercept-message.js';
import { type Addon, native, type Watcher } from './native.js';

const log = logger('intercept');

/** Calls of one program that wait at once; the next ones wait in the socket, so that no program takes all descriptors. */
const mostWaiting = 256;

export class InterceptChannel {
  readonly #addon: Addon;
  readonly #interceptors: Interceptors;
  readonly #fd: number;
  readonly #watcher: Watcher;
  readonly #waiting = new Set<number>();
  readonly #ended = new AbortController();
  /** What the program's start needs (launch.ts). */
  readonly forStart: { fd: number; calls: Uint8Array };
  #started = false;
  #closed = false;

  /** Throws ERR_SYSTEM. */
  constructor(interceptors: Interceptors, calls: Uint8Array) {
    this.#addon = native().addon;
    this.#interceptors = interceptors;
    const [ours, programs] = this.#addon.createSocketPair(true);
    this.#fd = ours;
    setMaxListeners(0, this.#ended.signal); // one for each call that waits
    this.forStart = { fd: programs, calls };
    this.#watcher = new this.#addon.Watcher(this.#fd, (readable) => readable && this.#take());
  }

  /** The program has its end; all of its processes are gone when its supervisor is. */
  started(supervisor: ChildProcess): void {
    this.#started = true;
    this.#addon.closeFd(this.forStart.fd);
    this.#watcher.select(true, false);
    supervisor.once('exit', () => this.close());
  }

  /** Calls that wait are refused. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (!this.#started) this.#addon.closeFd(this.forStart.fd);
    this.#watcher.close();
    this.#addon.closeFd(this.#fd);
    this.#ended.abort(new NobodyWaits());
  }

  #take(): void {
    while (!this.#closed && this.#waiting.size < mostWaiting) {
      const message = this.#receive();
      if (message === null) return;
      const [reply, ...more] = message.fds;
      for (const fd of more) this.#addon.closeFd(fd);
      if (reply === undefined) {
        // Without its descriptor, for which there was no room here, the call is refused by itself.
        if (message.bytes.length === 0) this.close(); // no process of the program is left
        continue;
      }
      this.#ask(message.bytes, reply).catch((error: unknown) => log('%o', error));
    }
    if (!this.#closed) this.#watcher.stop();
  }

  #receive(): ReturnType<Addon['receiveMessage']> {
    try {
      return this.#addon.receiveMessage(this.#fd, interceptMessageMost);
    } catch (error) {
      log('%o', error);
      this.close();
      return null;
    }
  }

  async #ask(bytes: Buffer, reply: number): Promise<void> {
    this.#waiting.add(reply);
    let watcher: Watcher | undefined;
    let leave: (() => void) | undefined;
    try {
      const stop = new Stop(decodeRequest(bytes));
      leave = () => stop.gone.abort(new NobodyWaits());
      this.#ended.signal.addEventListener('abort', leave);
      watcher = new this.#addon.Watcher(reply, (_readable, _writable, left) => left && leave?.());
      watcher.select(false, false);
      try {
        const decision = await this.#interceptors.decide(stop);
        stop.end(this.#answer(stop, reply, decision) ? decision : undefined);
      } finally {
        stop.end();
      }
    } finally {
      if (leave) this.#ended.signal.removeEventListener('abort', leave);
      watcher?.close();
      this.#addon.closeFd(reply);
      this.#waiting.delete(reply);
      if (!this.#closed) this.#watcher.select(true, false);
    }
  }

  #answer(stop: Stop, reply: number, decision: Decision): boolean {
    return this.#addon.sendMessage(reply, encodeAnswer(stop.request, decision.answer), decision.fd);
  }
}
