/** The process that makes a sandbox's namespaces and mounts and holds them (native/sandbox/keeper.cc). */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { logger } from './debug.js';
import { SandboxError } from './errors.js';
import type { Description } from './isolation.js';
import { native } from './native.js';
import { encodeSandboxBlob } from './sandbox-blob.js';
import { type SetupFailure, setupError } from './setup-failure.js';
import { childrenOf, watchForStop } from './stopped.js';

const log = logger('keeper');

type KeeperEvent =
  | { event: 'ready'; warden: number }
  | ({ event: 'failed' } & SetupFailure)
  | { event: 'limit'; limit: 'cpuMs' };

/** How long what a sandbox leaves may take to go before it is taken away by force. */
const patienceMs = 5000;

export class Keeper {
  /** Of the keeper, for setns(2). */
  readonly pidFd: number;
  /** The memfd with the description. */
  readonly blobFd: number;
  /** Called when a limit of the whole sandbox is over. */
  onLimit: ((limit: 'cpuMs') => void) | undefined;
  readonly #process: ChildProcess;
  readonly #control: Socket;
  readonly #groups: readonly string[];
  /** The keeper has ended. */
  readonly #gone: Promise<unknown>;
  /** So has the warden, or it was ended from outside. */
  readonly #silent: Promise<unknown>;
  #warden = 0;
  #wardenStart: string | undefined;

  /** Rejects with ERR_SANDBOX_SETUP; then nothing is left. */
  static async start(description: Description): Promise<Keeper> {
    const { addon } = native();
    const blobFd = addon.createMemfd('barchan-sandbox', encodeSandboxBlob(description));
    let keeper: ChildProcess;
    try {
      keeper = await spawnKeeper(blobFd, 'pipe');
    } catch (error) {
      addon.closeFd(blobFd);
      throw error;
    }
    // It is not waited for before the event loop turns, so that the number cannot be another's yet.
    let pidFd: number;
    const gone = once(keeper, 'exit');
    try {
      pidFd = addon.openPidfd(keeper.pid as number);
    } catch (error) {
      keeper.kill('SIGKILL');
      addon.closeFd(blobFd);
      await gone;
      throw error;
    }
    const box = new Keeper(keeper, gone, pidFd, blobFd, description.limits.groups);
    const stopWatch = watchForStop(keeper.pid as number, () => box.#force());
    const event = await box.#answer();
    stopWatch();
    if (event?.event === 'ready') {
      keeper.unref();
      box.#control.unref();
      log('%d: %o', keeper.pid, description);
      return box;
    }
    await box.close();
    if (event?.event === 'failed') throw setupError(event);
    throw new SandboxError('ERR_SYSTEM', 'Cannot set a sandbox up: its keeper was ended from outside');
  }

  private constructor(
    process: ChildProcess,
    gone: Promise<unknown>,
    pidFd: number,
    blobFd: number,
    groups: readonly string[],
  ) {
    this.#process = process;
    this.#gone = gone;
    this.#groups = groups;
    this.#control = process.stdio[3] as Socket;
    this.#control.on('error', (error) => log('socket: %s', error.message));
    this.#silent = new Promise((resolve) => this.#control.once('close', resolve));
    this.pidFd = pidFd;
    this.blobFd = blobFd;
  }

  /**
   * Lets the namespaces go, and the control groups with whatever is in them. Pre: no program is running in them, or it may
   * keep the namespaces until its end. Rejects with ERR_SYSTEM when a process in a group cannot be ended.
   */
  async close(): Promise<void> {
    this.#process.ref();
    this.#control.ref();
    this.#control.end();
    const late = setTimeout(() => this.#force(), patienceMs);
    await Promise.all([this.#gone, this.#silent]);
    clearTimeout(late);
    const { addon } = native();
    try {
      if (this.#groups.some(existsSync)) await this.#sweep();
    } finally {
      addon.closeFd(this.pidFd);
      addon.closeFd(this.blobFd);
    }
  }

  /** Ends a keeper and a warden that do not end by themselves: somebody has stopped them. */
  #force(): void {
    log('%d does not end', this.#process.pid);
    // Before the keeper is ready its children are its own; it has not waited for them, so that the numbers are theirs.
    if (this.#process.exitCode === null && this.#process.signalCode === null)
      for (const pid of childrenOf(this.#process.pid as number)) endProcess(pid);
    this.#process.kill('SIGKILL');
    if (this.#warden !== 0 && startOf(this.#warden) === this.#wardenStart) endProcess(this.#warden);
    this.#control.destroy();
  }

  /** Does the work of a warden that was ended from outside. */
  async #sweep(): Promise<void> {
    const sweeper = await spawnKeeper(this.blobFd, 'ignore', 'sweep');
    const late = setTimeout(() => sweeper.kill('SIGKILL'), patienceMs);
    await once(sweeper, 'exit');
    clearTimeout(late);
    const left = this.#groups.find(existsSync);
    if (left === undefined) return;
    throw new SandboxError('ERR_SYSTEM', `Cannot remove the control group ${left}: it has processes`, {
      path: left,
      remedy: 'Look for a process there that cannot be ended (state D), then remove the folder with rmdir.',
    });
  }

  /** Its first line; those that follow go to onLimit. */
  #answer(): Promise<KeeperEvent | undefined> {
    return new Promise((resolve) => {
      let text = '';
      this.#control.setEncoding('utf8');
      this.#control.on('data', (chunk: string) => {
        const lines = (text + chunk).split('\n');
        text = lines.pop() ?? '';
        for (const line of lines) {
          const event = JSON.parse(line) as KeeperEvent;
          if (event.event === 'limit') this.onLimit?.(event.limit);
          if (event.event === 'ready' && event.warden !== 0) {
            this.#warden = event.warden;
            this.#wardenStart = startOf(event.warden);
          }
          resolve(event);
        }
      });
      void this.#silent.then(() => resolve(undefined));
      // A warden that is left alone then leaves as well; what was said before it is still read.
      void this.#gone.then(() => this.#control.end());
    });
  }
}

async function spawnKeeper(
  blobFd: number,
  control: 'pipe' | 'ignore',
  ...args: string[]
): Promise<ChildProcess> {
  const keeper = spawn(native().keeperPath, args, {
    stdio: ['ignore', 'ignore', 'ignore', control, blobFd],
    env: {},
    cwd: '/',
    detached: true,
  });
  if (keeper.pid === undefined) throw (await once(keeper, 'error'))[0];
  return keeper;
}

function endProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended just now.
  }
}

/** When a process started; undefined when there is none of that number. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}
