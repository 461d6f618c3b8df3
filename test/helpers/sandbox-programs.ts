/** Programs of test/security: run in a sandbox under the monitor, or, to judge the set-up alone, in the monitor's place. */
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { describe as describeSandbox, type IsolationOptions } from '../../lib/isolation.js';
import { Keeper } from '../../lib/keeper.js';
import { launch } from '../../lib/launch.js';
import { native } from '../../lib/native.js';
import { GuestProcess } from '../../lib/process.js';

const sources = fileURLToPath(new URL('../security/programs/', import.meta.url));

/** Compiles test/security/programs/NAME.c statically into `folder`; returns the path. */
export function compileAttack(name: string, folder: string): string {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, name);
  execFileSync('gcc', [
    '-std=gnu17',
    '-D_GNU_SOURCE',
    '-O1',
    '-w',
    '-static',
    '-o',
    path,
    join(sources, `${name}.c`),
  ]);
  return path;
}

/** Runs the static program at `path`, a file of the host, natively where a monitor would run; returns its output. */
export async function runWithoutMonitor(
  path: string,
  args: readonly string[],
  options: IsolationOptions,
  kvmDevice = '/dev/kvm',
): Promise<{ stdout: string; exitCode: number | null; signal: string | null }> {
  const { addon } = native();
  const keeper = await Keeper.start(describeSandbox(options));
  const device = addon.openDevice(kvmDevice);
  try {
    const launched = await launch({
      argv: [path, ...args],
      program: path,
      env: {},
      stdio: ['ignore', 'pipe', 'pipe'],
      kvmFd: device.fd,
      newSession: true,
      keeper,
      image: path,
    });
    const guest = await GuestProcess.start(launched, {
      timeoutMs: 30_000,
      killSignal: 'SIGKILL',
      program: 0,
      onBreach: () => {},
      onEnd: () => {},
    });
    const [stdout, { exitCode, signal }] = await Promise.all([
      text(guest.stdout as NonNullable<typeof guest.stdout>),
      guest.exited,
    ]);
    await guest.end();
    return { stdout, exitCode, signal };
  } finally {
    addon.closeFd(device.fd);
    await keeper.close();
  }
}
