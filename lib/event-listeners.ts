/** Functions that are called for events of one kind. */
import { SandboxError } from './errors.js';
import { checkKinds } from './event-stream.js';
import type { EventFilter, EventKind, SandboxEvent } from './event-types.js';
import { callNumbers, type Events, type Subscriber } from './events.js';

// biome-ignore lint/suspicious/noExplicitAny: of whatever kind it was added for.
type Listener = (event: any) => void;

export class EventListeners {
  readonly #events: Events;
  readonly #subscribers: { kind: EventKind; listener: Listener; subscriber: Subscriber }[] = [];

  constructor(events: Events) {
    this.#events = events;
  }

  add(kind: EventKind, listener: Listener, filter: EventFilter, once: boolean): void {
    const kinds = checkKinds([kind], 'kind');
    if (typeof listener !== 'function') {
      throw new SandboxError('ERR_INVALID_OPTION', 'Sandbox.on: the listener is no function', {
        path: 'listener',
        value: listener,
        remedy: 'Give a function that takes an event.',
      });
    }
    const subscriber: Subscriber = {
      kinds,
      calls: callNumbers(filter, 'options'),
      take: (event: SandboxEvent) => {
        if (once) this.remove(kind, listener);
        listener(event);
      },
    };
    this.#events.add(subscriber);
    this.#subscribers.push({ kind, listener, subscriber });
  }

  /** The last one that was added so. */
  remove(kind: EventKind, listener: Listener): void {
    const index = this.#subscribers.findLastIndex(
      (entry) => entry.kind === kind && entry.listener === listener,
    );
    const [entry] = index === -1 ? [] : this.#subscribers.splice(index, 1);
    if (entry) this.#events.remove(entry.subscriber);
  }
}
