/** A process of ours that joins a sandbox (native/files, native/network) and is talked with over a socket. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Keeper } from './keeper.js';
import { native } from './native.js';

/**
 * Starts `program` with the keeper's descriptors; it says that it is ready, or why not, on the socket `fd`, which is the caller's
 * to close. Rejects with what spawn(2) says; then nothing is left.
 */
export async function startSandboxProcess(
  program: string,
  args: readonly string[],
  keeper: Pick<Keeper, 'pidFd' | 'blobFd'>,
): Promise<{ child: ChildProcess; fd: number }> {
  const { addon } = native();
  const [ours, theirs] = addon.createSocketPair(true);
  const child = spawn(program, args, {
    stdio: ['ignore', 'ignore', 'ignore', theirs, keeper.pidFd, keeper.blobFd],
    env: {},
    cwd: '/',
    detached: true,
  });
  addon.closeFd(theirs);
  if (child.pid !== undefined) return { child, fd: ours };
  addon.closeFd(ours);
  throw (await once(child, 'error'))[0];
}
