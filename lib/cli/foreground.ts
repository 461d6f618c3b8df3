/**
 * Runs a program as if it stood in this process's place: same terminal, same process group, signals passed
 * on, stops and the end imitated.
 *
 * A signal from the terminal goes to the whole foreground group and so reaches the program by itself; one
 * sent to this process alone does not. The supervisor, which is in the same group, tells the two apart.
 */

import type { SandboxImage } from '../image/rootfs.js';
import { native } from '../native.js';
import type { SandboxOptions, SpawnOptions } from '../options.js';
import type { GuestProcess, ProcessExit } from '../process.js';
import { Sandbox } from '../sandbox.js';
import { signalNumber } from '../signals.js';
import { complain } from './output.js';
import { statuses } from './status.js';

const passedOn = [
  'SIGHUP',
  'SIGINT',
  'SIGQUIT',
  'SIGTERM',
  'SIGUSR1',
  'SIGUSR2',
  'SIGALRM',
  'SIGWINCH',
  'SIGCONT',
  'SIGTSTP',
  'SIGTTIN',
  'SIGTTOU',
] as const;

/** Who looks on. */
export interface Observer {
  /** Before the program starts. */
  begin(box: Sandbox): void;
  /** In place of the sandbox's own. */
  spawn?(box: Sandbox, argv: readonly string[], options: SpawnOptions): Promise<GuestProcess>;
  /** When no process is left and all events have been given out. */
  end(box: Sandbox, exit: ProcessExit): Promise<void>;
}

/** Does not return, or throws a SandboxError. `ofImage` says what is run where the sandbox shows an image. */
export async function runInForeground(
  command: readonly string[],
  options: SpawnOptions,
  sandbox: SandboxOptions,
  ofImage?: (image: SandboxImage) => { argv: readonly string[]; env: NodeJS.ProcessEnv },
  observer?: Observer,
): Promise<never> {
  let guest: GuestProcess | undefined;
  const early: NodeJS.Signals[] = [];
  for (const signal of passedOn) {
    process.on(signal, () => {
      if (guest) guest.forward(signal);
      else early.push(signal);
    });
  }
  const box = await Sandbox.create(sandbox);
  observer?.begin(box);
  const { argv, env } = (box.image && ofImage?.(box.image)) ?? { argv: command, env: options.env };
  const spawn = { ...options, env };
  guest = await (observer?.spawn ? observer.spawn(box, argv, spawn) : box.spawn(argv, spawn));
  for (const signal of early) guest.forward(signal);
  guest.on('stopped', () => process.kill(process.pid, 'SIGSTOP'));
  const exit = await guest.exited;
  // The supervisor is waited for in any case: not every init process reaps what is left to it.
  await (options.keepBackground ? guest.wait() : guest.end());
  if (observer) {
    await box.close();
    await observer.end(box, exit);
  }
  const { addon } = native();
  if (exit.timedOut) {
    const limit = exit.limit === 'wallMs' ? sandbox.limits?.wallMs : options.timeoutMs;
    complain(`ended ${argv[0]} after ${limit} ms`);
    addon.exitNow(statuses.timeout);
  }
  if (exit.limit !== null) complain(`${argv[0]} reached the limit ${exit.limit}`);
  if (exit.signal !== null) addon.dieBySignal(signalNumber(exit.signal) ?? 0);
  return addon.exitNow(exit.exitCode ?? statuses.failure);
}
