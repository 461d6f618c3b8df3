/** Running an attack by a program of the host: the attack itself, or another isolation's command. */
import { type SpawnOptions, spawn } from 'node:child_process';
import { closeSync, constants, openSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { AttackRun, Told } from './attack.js';
import { markOf } from './canaries.js';
import { children, collect, judge, untilGone } from './judge.js';
import { endAtExit, killByEnvironment } from './leftovers.js';
import type { Attack } from './metadata.js';

/** Where an attack is shown in an isolation of any kind. */
export const inside = '/run/attack';
export const searchPath = '/usr/bin:/bin';

/** Opens what the judge leaves open for the attack; to be closed when the attack has started. */
export function leave(attack: Attack, told: Told): number | undefined {
  const secret = told.ATTACK_SECRET ?? '/';
  const places = { folder: dirname(secret), file: secret, root: '/' };
  // O_PATH is not among the constants of Node.js.
  return attack.passes && openSync(places[attack.passes], constants.O_RDONLY | 0o10000000);
}

/** The first process below `pid`, or itself, that runs what is shown at `inside`; `pid` when there is none. */
function attackBelow(pid: number): number {
  for (const queue = [pid]; ; ) {
    const next = queue.shift();
    if (next === undefined) return pid;
    try {
      const words = readFileSync(`/proc/${next}/cmdline`, 'latin1').split('\0');
      // A shell or an interpreter has the script as its first argument.
      if (words[0] === inside || (words[1] === inside && !words[0]?.includes('prlimit'))) return next;
    } catch {
      continue; // it has ended
    }
    queue.push(...children(next));
  }
}

export interface Command {
  argv: readonly [string, ...string[]];
  env: NodeJS.ProcessEnv;
  /** It runs another program than the attack, which is looked for below it. */
  wraps: boolean;
  /** Makes the end of its processes sure, beside that of its process group. */
  end?(): Promise<unknown>;
}

/** How long a command may take to end after its processes were killed. */
const endGraceMs = 20_000;

/** Runs `command`, which runs `attack`, to its end or to the attack's time-out. Rejects when `signal` ends it, with nothing left. */
export async function runOutside(
  attack: Attack,
  told: Told,
  { argv, env, wraps, end }: Command,
  signal?: AbortSignal,
): Promise<AttackRun> {
  signal?.throwIfAborted();
  const left = leave(attack, told);
  const [program, ...words] = argv;
  const options: SpawnOptions = {
    env,
    // A group of its own, which can be killed as a whole.
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe', ...(left === undefined ? [] : [left])],
  };
  const child = spawn(program, words, options);
  if (left !== undefined) closeSync(left);
  const { stdin, stdout, stderr, pid } = child;
  const exited = new Promise<{ exitCode: number | null; signal: string | null }>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (exitCode, endedBy) => resolve({ exitCode, signal: endedBy }));
  });
  if (!stdin || !stdout || !stderr || pid === undefined) {
    await exited;
    throw new Error(`${program} has not started`);
  }
  let timedOut = false;
  const killAll = (): void => {
    try {
      process.kill(-pid, 'SIGKILL');
    } catch {} // nobody is left in it
    if (told.ATTACK_SECRET !== undefined) killByEnvironment(new Set([markOf(told.ATTACK_SECRET)]));
  };
  const atExit = endAtExit(killAll);
  let timer: NodeJS.Timeout | undefined;
  let stop = (): void => {};
  const late = new Promise<never>((_, reject) => {
    stop = () => {
      clearTimeout(timer);
      killAll();
      void end?.().catch(() => {}); // done again below
      timer = setTimeout(() => reject(new Error(`${program} does not end`)), endGraceMs);
    };
    timer = setTimeout(() => {
      timedOut = true;
      stop();
    }, attack.timeoutMs);
  });
  signal?.addEventListener('abort', stop, { once: true });
  const gone = (async () => {
    const exit = await Promise.race([exited, late]);
    // What it has left behind may hold its streams.
    killAll();
    await end?.();
    return exit;
  })();
  try {
    const subject = { pid: () => (wraps ? attackBelow(pid) : pid), injector: undefined };
    const reading = Promise.all([judge(stdout, stdin, subject), collect(stderr)]);
    const [lines, errors] = await untilGone(gone, [stdout, stderr], reading);
    signal?.throwIfAborted();
    return { ...lines, stderr: errors, ...(await gone), timedOut, refused: [], breaches: [] };
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', stop);
    atExit();
    for (const stream of [stdin, stdout, stderr]) stream.destroy();
  }
}
