/** Node's end of a debugged program's socket (native/abi/debug.h): commands with their replies, and events. */
import { logger } from '../debug.js';
import { type Addon, native, type Watcher } from '../native.js';
import {
  type Command,
  debugMessageMost,
  decodeMessage,
  encodeCommand,
  event,
  type Message,
} from './message.js';

const log = logger('vm');

interface Waiting {
  resolve(reply: Message): void;
  reject(error: Error): void;
}

/** Nobody answers any more: the program has ended, or become another one. */
export class ChannelClosed extends Error {}

export class DebugChannel {
  readonly #addon: Addon;
  readonly #fd: number;
  readonly #watcher: Watcher;
  readonly #waiting = new Map<number, Waiting>();
  readonly #onEvent: (message: Message) => void;
  /** The program's end, until started(). */
  readonly programFd: number;
  #started = false;
  #closed = false;
  #lastId = 0;

  /** Throws ERR_SYSTEM. */
  constructor(onEvent: (message: Message) => void) {
    this.#addon = native().addon;
    this.#onEvent = onEvent;
    [this.#fd, this.programFd] = this.#addon.createSocketPair(true);
    this.#watcher = new this.#addon.Watcher(this.#fd, (readable) => readable && this.#take());
  }

  /** The program has its end. */
  started(): void {
    this.#started = true;
    this.#addon.closeFd(this.programFd);
    this.#watcher.select(true, false);
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** The reply, whatever it says. Rejects with ChannelClosed. */
  request(command: Command): Promise<Message> {
    return new Promise((resolve, reject) => {
      if (this.#closed) {
        reject(new ChannelClosed());
        return;
      }
      this.#lastId = (this.#lastId % 0x7fffffff) + 1;
      const id = this.#lastId;
      log('command %d: %d', id, command.operation);
      this.#waiting.set(id, { resolve, reject });
      if (!this.#addon.sendMessage(this.#fd, encodeCommand(id, command))) this.close();
    });
  }

  #abandon(): void {
    const left = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { reject } of left) reject(new ChannelClosed());
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (!this.#started) this.#addon.closeFd(this.programFd);
    this.#watcher.close();
    this.#addon.closeFd(this.#fd);
    this.#abandon();
  }

  #take(): void {
    while (!this.#closed) {
      let received: ReturnType<Addon['receiveMessage']>;
      try {
        received = this.#addon.receiveMessage(this.#fd, debugMessageMost);
      } catch (error) {
        log('%o', error);
        this.close();
        return;
      }
      if (received === null) return;
      for (const fd of received.fds) this.#addon.closeFd(fd);
      const message = decodeMessage(received.bytes);
      if (!message) {
        this.close();
        return;
      }
      if (message.id === 0) {
        log('event %d of %d', message.kind, message.tid);
        // Who would have answered is no more.
        if (message.kind === event.executed) this.#abandon();
        this.#onEvent(message);
        continue;
      }
      const waiting = this.#waiting.get(message.id);
      this.#waiting.delete(message.id);
      waiting?.resolve(message);
    }
  }
}
