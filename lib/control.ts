/** Node's side of native/abi/supervisor.h: events from the supervisor of one program, commands to it. */
import type { Socket } from 'node:net';
import { logger } from './debug.js';
import type { SetupFailure } from './setup-failure.js';

const log = logger('control');

/** A monitor broke its filter; with nothing but `event` when its call was gone before it could be read. */
export interface BreachNotice {
  event: 'breach';
  /** 0 when the process was gone already. */
  pid?: number;
  guestPid?: number;
  guestTid?: number;
  call?: number;
  arch?: number;
  instruction?: string;
  arguments?: string[];
}

export type SupervisorEvent =
  | { event: 'started'; pid: number }
  | { event: 'failed'; errno: number; what: string; step?: undefined }
  | ({ event: 'failed' } & SetupFailure)
  | { event: 'stopped'; signal: number }
  | { event: 'limit'; limit: 'wallMs' }
  | BreachNotice
  | { event: 'exit'; status: number; userUs: number; systemUs: number; maxRssKiB: number };

export const operations = { signal: 'k', forward: 'f', end: 'x', keep: 'd', seen: 's' } as const;

/** How long the socket may stay open when the supervisor has ended: then somebody else holds its end. */
const patienceMs = 1000;

export class Control {
  /** No more events can come, and the descriptor is closed. */
  readonly closed: Promise<void>;
  readonly #socket: Socket;
  #partial = '';

  /** `listener` is called for each event, `closed` once, when no more can come. */
  constructor(socket: Socket, listener: (event: SupervisorEvent) => void, closed: () => void) {
    this.#socket = socket;
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => {
      const lines = (this.#partial + chunk).split('\n');
      this.#partial = lines.pop() ?? '';
      for (const line of lines) {
        log('event %s', line);
        listener(JSON.parse(line) as SupervisorEvent);
      }
    });
    // The supervisor's end shows as 'close'; an EPIPE or ECONNRESET before it says nothing more.
    socket.on('error', (error) => log('socket: %s', error.message));
    this.closed = new Promise((resolve) => {
      socket.on('close', () => {
        closed();
        resolve();
      });
    });
  }

  /** To the first process. */
  signal(number: number): void {
    this.#send(operations.signal, number);
  }

  /** To the first process, unless the signal reached its group, which is ours, by itself. */
  forward(number: number): void {
    this.#send(operations.forward, number);
  }

  /** Ends every process of the program; the supervisor then leaves. */
  end(): void {
    this.#send(operations.end, 0);
  }

  /** Processes in the background are left alone when the first one ends. */
  keep(): void {
    this.#send(operations.keep, 0);
  }

  /** The exit event has arrived; the supervisor leaves when nothing else is left to it. */
  seen(): void {
    this.#send(operations.seen, 0);
  }

  /** Lets Node end while the supervisor is there; the end of Node ends the supervisor and all it has. */
  unref(): void {
    this.#socket.unref();
  }

  ref(): void {
    this.#socket.ref();
  }

  /** The supervisor has ended: what it has said before is still read. Resolves with `closed`. */
  async drain(): Promise<void> {
    const late = setTimeout(() => this.#socket.destroy(), patienceMs);
    await this.closed;
    clearTimeout(late);
  }

  #send(operation: string, argument: number): void {
    log('command %s %d', operation, argument);
    if (this.#socket.writable) this.#socket.write(Buffer.from([operation.charCodeAt(0), argument]));
  }
}
