/** Where gdb attaches to a Vm: one connection at a time, on the loopback interface or a unix socket. */
import { once } from 'node:events';
import { chmodSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { logger } from '../debug.js';
import { SandboxError } from '../errors.js';
import { GdbSession } from './gdb-session.js';
import type { Vm } from './vm.js';

const log = logger('gdb');

/** How long gdb may take to have the last reply. */
const lastReplyMs = 2000;
/** How long one that comes waits for the end of the one before. */
const takeOverMs = 1000;

export class GdbServer implements AsyncDisposable {
  readonly #vm: Vm;
  readonly #server: Server;
  readonly #path: string | undefined;
  #socket: Socket | undefined;
  #session: GdbSession | undefined;

  /**
   * Listens on a TCP port of 127.0.0.1 (0: a free one) or on a unix socket, which only this user can open. Rejects with
   * ERR_SYSTEM.
   */
  static async listen(vm: Vm, where: number | string): Promise<GdbServer> {
    const server = createServer();
    try {
      if (typeof where === 'number') server.listen(where, '127.0.0.1');
      else server.listen(where);
      await once(server, 'listening');
      if (typeof where === 'string') chmodSync(where, 0o600);
    } catch (cause) {
      server.close();
      const what = typeof where === 'number' ? `port ${where}` : where;
      throw new SandboxError('ERR_SYSTEM', `Cannot listen on ${what} for gdb: ${(cause as Error).message}`, {
        cause,
      });
    }
    return new GdbServer(vm, server, typeof where === 'string' ? where : undefined);
  }

  private constructor(vm: Vm, server: Server, path: string | undefined) {
    this.#vm = vm;
    this.#server = server;
    this.#path = path;
    server.on('connection', (socket) => void this.#connected(socket));
    server.on('error', (error) => log('%s', error.message));
  }

  /** For gdb's "target remote". */
  get address(): string {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? `localhost:${address.port}` : String(address);
  }

  async #connected(socket: Socket): Promise<void> {
    socket.on('error', (error) => log('%s', error.message));
    // The end of a gdb that has just gone may be known only behind the coming of the next.
    if (this.#socket) await Promise.race([once(this.#socket, 'close').catch(() => {}), delay(takeOverMs)]);
    if (this.#socket || socket.destroyed) {
      socket.destroy();
      return;
    }
    log('gdb has come');
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.once('close', () => {
      log('gdb has gone');
      this.#socket = undefined;
    });
    // It was left running by a gdb before.
    const before = this.#session;
    if (!this.#vm.stop) await this.#vm.interrupt().catch(() => {});
    await before?.finish();
    this.#session = new GdbSession(this.#vm, socket);
  }

  /** Lets gdb have its last reply. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    if (this.#path !== undefined) rmSync(this.#path, { force: true });
    const socket = this.#socket;
    if (!socket) return;
    await this.#session?.idle();
    socket.end();
    const late = setTimeout(() => socket.destroy(), lastReplyMs);
    if (!socket.destroyed) await once(socket, 'close');
    clearTimeout(late);
  }
}
