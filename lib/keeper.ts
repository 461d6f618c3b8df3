/** The process that makes a sandbox's namespaces and mounts and holds them (native/sandbox/keeper.cc). */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { logger } from './debug.js';
import { SandboxError } from './errors.js';
import type { Description } from './isolation.js';
import { native } from './native.js';
import { encodeSandboxBlob } from './sandbox-blob.js';
import { type SetupFailure, setupError } from './setup-failure.js';

const log = logger('keeper');

type KeeperEvent = { event: 'ready' } | ({ event: 'failed' } & SetupFailure);

export class Keeper {
  /** Of the keeper, for setns(2). */
  readonly pidFd: number;
  /** The memfd with the description. */
  readonly blobFd: number;
  readonly #process: ChildProcess;
  readonly #control: Socket;
  readonly #gone: Promise<unknown>;

  /** Rejects with ERR_SANDBOX_SETUP; then nothing is left. */
  static async start(description: Description): Promise<Keeper> {
    const { addon, keeperPath } = native();
    const blobFd = addon.createMemfd('barchan-sandbox', encodeSandboxBlob(description));
    const keeper = spawn(keeperPath, [], {
      stdio: ['ignore', 'ignore', 'ignore', 'pipe', blobFd],
      env: {},
      cwd: '/',
      detached: true,
    });
    if (keeper.pid === undefined) {
      addon.closeFd(blobFd);
      throw (await once(keeper, 'error'))[0];
    }
    // It is not waited for before the event loop turns, so that the number cannot be another's yet.
    let pidFd: number;
    const gone = once(keeper, 'exit');
    try {
      pidFd = addon.openPidfd(keeper.pid);
    } catch (error) {
      keeper.kill('SIGKILL');
      addon.closeFd(blobFd);
      await gone;
      throw error;
    }
    const box = new Keeper(keeper, gone, pidFd, blobFd);
    const event = await box.#answer();
    if (event?.event === 'ready') {
      keeper.unref();
      box.#control.unref();
      log('%d: %o', keeper.pid, description);
      return box;
    }
    await box.close();
    if (event) throw setupError(event);
    throw new SandboxError('ERR_SYSTEM', 'Cannot set a sandbox up: its keeper was ended from outside');
  }

  private constructor(process: ChildProcess, gone: Promise<unknown>, pidFd: number, blobFd: number) {
    this.#process = process;
    this.#gone = gone;
    this.#control = process.stdio[3] as Socket;
    this.#control.on('error', (error) => log('socket: %s', error.message));
    this.pidFd = pidFd;
    this.blobFd = blobFd;
  }

  /** Lets the namespaces go. Pre: no program is running in them, or it may keep them until its end. */
  async close(): Promise<void> {
    this.#process.ref();
    this.#control.destroy();
    await this.#gone;
    const { addon } = native();
    addon.closeFd(this.pidFd);
    addon.closeFd(this.blobFd);
  }

  /** Its first and only line. */
  #answer(): Promise<KeeperEvent | undefined> {
    return new Promise((resolve) => {
      let text = '';
      this.#control.setEncoding('utf8');
      this.#control.on('data', (chunk: string) => {
        text += chunk;
        if (text.endsWith('\n')) resolve(JSON.parse(text) as KeeperEvent);
      });
      this.#control.once('close', () => resolve(undefined));
    });
  }
}
