/** Changes of files in a sandbox, as they come from its inotify(7), given to those who watch. */
import { SandboxError } from './errors.js';
import type { FilesClient } from './files-client.js';
import type { RawEvent } from './files-message.js';

export interface FileEvent {
  /** 'overflow': some events are missing; look for yourself. */
  type: 'created' | 'changed' | 'removed' | 'overflow';
  /** In the folder that is watched; undefined: it itself. */
  name: string | undefined;
}

const bits = {
  modify: 0x2,
  attributes: 0x4,
  closed: 0x8,
  movedFrom: 0x40,
  movedTo: 0x80,
  create: 0x100,
  delete: 0x200,
  deleteSelf: 0x400,
  moveSelf: 0x800,
  overflow: 0x4000,
  ignored: 0x8000,
} as const;

const created = bits.create | bits.movedTo;
const removed = bits.delete | bits.movedFrom | bits.deleteSelf | bits.moveSelf;
const changed = bits.modify | bits.attributes | bits.closed;

const mostKept = 4096;

/** One who watches. */
class Queue {
  readonly events: FileEvent[] = [];
  #wake: (() => void) | undefined;
  ended: SandboxError | 'done' | undefined;

  push(event: FileEvent): void {
    const last = this.events.at(-1);
    // The same again says nothing new.
    if (last && last.type === event.type && last.name === event.name) return;
    if (this.events.length < mostKept) this.events.push(event);
    else if (last?.type !== 'overflow') this.events.push({ type: 'overflow', name: undefined });
    this.#wake?.();
  }

  end(reason: SandboxError | 'done'): void {
    this.ended ??= reason;
    this.#wake?.();
  }

  wait(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}

type Start = () => Promise<{ watches: FileWatches; number: number }>;

export class FileWatches {
  readonly #client: FilesClient;
  /** By the kernel's number, which is the same for the same file. */
  readonly #queues = new Map<number, Set<Queue>>();

  constructor(client: FilesClient) {
    this.#client = client;
    client.onEvents = (events) => this.#deliver(events);
    client.listen();
  }

  /** Watches as soon as the first event is asked for. */
  static iterate(
    start: Start,
    signal: AbortSignal | undefined,
    closing: AbortSignal,
  ): AsyncIterableIterator<FileEvent> {
    const queue = new Queue();
    const stop = (): void =>
      queue.end(
        signal?.aborted
          ? new SandboxError('ERR_ABORTED', 'Stopped to watch: it was aborted', { cause: signal.reason })
          : (closing.reason as SandboxError),
      );
    for (const one of [signal, closing]) one?.addEventListener('abort', stop, { once: true });
    if (signal?.aborted || closing.aborted) stop();
    // At once, so that nothing that happens from here on is missed.
    const started = start().then(({ watches, number }) => watches.#add(number, queue));
    started.catch((error: SandboxError) => queue.end(error));
    async function* events(): AsyncGenerator<FileEvent> {
      try {
        for (;;) {
          const event = queue.events.shift();
          if (event) yield event;
          else if (queue.ended === 'done') return;
          else if (queue.ended) throw queue.ended;
          else await queue.wait();
        }
      } finally {
        for (const one of [signal, closing]) one?.removeEventListener('abort', stop);
        started.then((remove) => remove()).catch(() => {});
      }
    }
    return events();
  }

  /** The process inside has ended. */
  end(error: SandboxError): void {
    for (const queues of this.#queues.values()) for (const queue of queues) queue.end(error);
    this.#queues.clear();
  }

  /** Returns what removes it. */
  #add(number: number, queue: Queue): () => void {
    const queues = this.#queues.get(number) ?? new Set();
    this.#queues.set(number, queues.add(queue));
    return () => {
      queues.delete(queue);
      if (queues.size > 0 || this.#queues.get(number) !== queues) return;
      this.#queues.delete(number);
      this.#client.request({ operation: 'unwatch', value: BigInt(number) }).catch(() => {});
    };
  }

  #deliver(events: RawEvent[]): void {
    for (const { watch, mask, name } of events) {
      if (mask & bits.overflow) {
        for (const queues of this.#queues.values())
          for (const queue of queues) queue.push({ type: 'overflow', name: undefined });
        continue;
      }
      const queues = this.#queues.get(watch);
      if (!queues) continue;
      const type =
        mask & created ? 'created' : mask & removed ? 'removed' : mask & changed ? 'changed' : undefined;
      for (const queue of queues) {
        if (type) queue.push({ type, name: name.length > 0 ? name.toString('utf8') : undefined });
        if (mask & bits.ignored) queue.end('done');
      }
      if (mask & bits.ignored) this.#queues.delete(watch);
    }
  }
}
