/**
 * Runs a program as if it stood in this process's place: same terminal, same process group, signals passed
 * on, stops and the end imitated.
 *
 * A signal from the terminal goes to the whole foreground group and so reaches the program by itself; one
 * sent to this process alone does not. The supervisor, which is in the same group, tells the two apart.
 */
import { SandboxError } from '../errors.js';
import { native } from '../native.js';
import type { SpawnOptions } from '../options.js';
import type { GuestProcess } from '../process.js';
import { Sandbox } from '../sandbox.js';
import { signalNumber } from '../signals.js';
import { complain } from './usage.js';

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

const statuses: Partial<Record<string, number>> = {
  ERR_INVALID_OPTION: 2,
  ERR_PROGRAM_NOT_EXECUTABLE: 126,
  ERR_PROGRAM_NOT_FOUND: 127,
};
const failureStatus = 125;
const timeoutStatus = 124;

/** Does not return. */
export async function runInForeground(
  argv: readonly string[],
  options: SpawnOptions,
  device: string | undefined,
): Promise<never> {
  let guest: GuestProcess | undefined;
  const early: NodeJS.Signals[] = [];
  for (const signal of passedOn) {
    process.on(signal, () => {
      if (guest) guest.forward(signal);
      else early.push(signal);
    });
  }
  try {
    const box = await Sandbox.create({ kvmDevice: device });
    guest = await box.spawn(argv, options);
    for (const signal of early) guest.forward(signal);
    guest.on('stopped', () => process.kill(process.pid, 'SIGSTOP'));
    const exit = await guest.exited;
    // The supervisor is waited for in any case: not every init process reaps what is left to it.
    await (options.keepBackground ? guest.wait() : guest.end());
    const { addon } = native();
    if (exit.timedOut) {
      complain(`ended ${argv[0]} after ${options.timeoutMs} ms`);
      addon.exitNow(timeoutStatus);
    }
    if (exit.signal !== null) addon.dieBySignal(signalNumber(exit.signal) ?? 0);
    addon.exitNow(exit.exitCode ?? failureStatus);
  } catch (error) {
    if (!(error instanceof SandboxError)) throw error;
    complain(error.message);
    process.exit(statuses[error.code] ?? failureStatus);
  }
  throw new Error('unreachable');
}
