/**
 * Both ends of the connections that handlers serve. A socket belongs for ever to the network namespace in which it was made, and
 * who has one can disconnect it, connect or bind it to something else, and ask it for interfaces. So a sandbox with a network of
 * its own gets ends that were made in a namespace where nothing else is (native/network).
 */
import { SandboxError } from './errors.js';
import type { Isolated } from './isolated.js';
import { type Addon, native } from './native.js';
import type { NetworkSockets } from './network-sockets.js';

export type ConnectionKind = 'unix' | 'tcp4' | 'tcp6';

/** Those of one sandbox. */
export class InterceptConnections implements AsyncDisposable {
  readonly #isolated: Isolated | undefined;
  #sockets: Promise<NetworkSockets> | undefined;
  #closed = false;

  constructor(isolated: Isolated | undefined) {
    this.#isolated = isolated?.description.network === 'host' ? undefined : isolated;
    this.#isolated?.attached.add(this);
  }

  /** Programs are not to reach the network of this process. */
  get apart(): boolean {
    return this.#isolated !== undefined;
  }

  /** [ours, non-blocking; the program's], the caller's to close through the addon. Rejects with ERR_SANDBOX_SETUP, ERR_SYSTEM. */
  async open(kind: ConnectionKind): Promise<[number, number]> {
    const isolated = this.#isolated;
    if (!isolated) return openHere(native().addon, kind);
    const sockets = await this.#start(isolated);
    return sockets.openPair(kind);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    const sockets = await this.#sockets?.catch(() => undefined);
    await sockets?.close();
  }

  async #start(isolated: Isolated): Promise<NetworkSockets> {
    const earlier = this.#sockets;
    const sockets = await earlier?.catch(() => undefined);
    if (sockets && !sockets.ended) return sockets;
    // The first that finds none, or one that somebody has killed, starts another for all.
    if (this.#sockets === earlier && !this.#closed) {
      this.#sockets = import('./network-sockets.js').then(({ NetworkSockets }) =>
        NetworkSockets.start(isolated.keeper, { apart: true }),
      );
    }
    if (!this.#sockets)
      throw new SandboxError('ERR_SANDBOX_CLOSED', 'The sandbox is closed: it has no connections');
    return this.#sockets;
  }
}

function openHere(addon: Addon, kind: ConnectionKind): [number, number] {
  if (kind === 'unix') return addon.createSocketPair(false);
  if (kind === 'tcp6') {
    try {
      return addon.createTcpPair(true);
    } catch {
      // No IPv6 here.
    }
  }
  return addon.createTcpPair(false);
}
