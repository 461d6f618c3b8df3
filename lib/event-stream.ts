/** Events as an async iterator, with a bounded store for a reader that is slower than its guests. */
import { SandboxError } from './errors.js';
import { type EventKind, type EventStreamOptions, eventKinds, type SandboxEvent } from './event-types.js';
import { callNumbers, type Events, type Subscriber } from './events.js';

const defaultBuffer = 65536;
const greatestBuffer = 1 << 20;

export function checkKinds(kinds: unknown, path: string): ReadonlySet<EventKind> {
  if (kinds === undefined) return new Set(eventKinds);
  const known: readonly unknown[] = eventKinds;
  const wrong = Array.isArray(kinds) ? kinds.findIndex((kind) => !known.includes(kind)) : -1;
  if (Array.isArray(kinds) && kinds.length > 0 && wrong === -1) return new Set(kinds as EventKind[]);
  const at = wrong === -1 ? path : `${path}[${wrong}]`;
  throw new SandboxError('ERR_INVALID_OPTION', `${at} is no kind of event`, {
    path: at,
    value: wrong === -1 ? kinds : (kinds as unknown[])[wrong],
    remedy: `Give a list of ${eventKinds.join(', ')}.`,
  });
}

export class EventStream implements AsyncIterableIterator<SandboxEvent>, Subscriber {
  readonly kinds: ReadonlySet<EventKind>;
  readonly calls: ReadonlySet<number> | undefined;
  readonly #events: Events;
  readonly #capacity: number;
  readonly #signal: AbortSignal | undefined;
  readonly #onAbort = (): void => void this.return();
  #stored: SandboxEvent[] = [];
  #first = 0;
  #dropped = 0;
  #ended = false;
  readonly #waiting: ((result: IteratorResult<SandboxEvent>) => void)[] = [];

  constructor(events: Events, options: EventStreamOptions) {
    this.#events = events;
    this.kinds = checkKinds(options.kinds, 'options.kinds');
    this.calls = callNumbers(options, 'options');
    this.#capacity = options.buffer ?? defaultBuffer;
    if (!Number.isInteger(this.#capacity) || this.#capacity < 1 || this.#capacity > greatestBuffer) {
      throw new SandboxError('ERR_INVALID_OPTION', 'Sandbox.events: options.buffer is out of range', {
        path: 'options.buffer',
        value: options.buffer,
        remedy: `Give a whole number from 1 to ${greatestBuffer}.`,
      });
    }
    this.#signal = options.signal;
    if (this.#signal?.aborted) {
      this.#ended = true;
      return;
    }
    events.add(this);
    this.#signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  get #size(): number {
    return this.#stored.length - this.#first;
  }

  isFull(): boolean {
    return this.#size >= this.#capacity;
  }

  take(event: SandboxEvent): void {
    const waiting = this.#waiting.shift();
    if (waiting) waiting({ value: event, done: false });
    else if (!this.isFull() || this.#events.blocks) this.#stored.push(event);
    else this.#dropped++;
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#signal?.removeEventListener('abort', this.#onAbort);
    for (const waiting of this.#waiting.splice(0)) waiting({ value: undefined, done: true });
  }

  next(): Promise<IteratorResult<SandboxEvent>> {
    if (this.#dropped > 0 && this.kinds.has('drop') && this.#size === 0) {
      const event: SandboxEvent = {
        kind: 'drop',
        time: Date.now(),
        dropped: this.#dropped,
        lost: 0,
        malformed: 0,
      };
      this.#dropped = 0;
      return Promise.resolve({ value: event, done: false });
    }
    if (this.#size > 0) {
      const wasFull = this.isFull();
      const value = this.#stored[this.#first++] as SandboxEvent;
      if (this.#first > 1024 && this.#first * 2 > this.#stored.length) {
        this.#stored = this.#stored.slice(this.#first);
        this.#first = 0;
      }
      if (wasFull && !this.isFull()) this.#events.resume();
      return Promise.resolve({ value, done: false });
    }
    if (this.#ended) return Promise.resolve({ value: undefined, done: true });
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Lets go: nothing more is told. */
  return(): Promise<IteratorResult<SandboxEvent>> {
    this.#stored = [];
    this.#first = 0;
    this.#events.remove(this);
    this.end();
    return Promise.resolve({ value: undefined, done: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
