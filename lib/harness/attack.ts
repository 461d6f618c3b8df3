/** Running one attack of the corpus, in a sandbox or natively. */
import { closeSync } from 'node:fs';
import { SandboxError } from '../errors.js';
import type { SandboxOptions } from '../options.js';
import { Sandbox } from '../sandbox.js';
import { type AttackReport, collect, judge, untilGone } from './judge.js';
import type { Attack } from './metadata.js';
import { inside, leave, runOutside, searchPath } from './outside.js';

/** What the host shows to an attack as its goals, by environment variable; see corpus/attack.h. */
export type Told = Record<`ATTACK_${string}`, string>;

export interface AttackRun extends AttackReport {
  exitCode: number | null;
  signal: string | null;
  timedOut: boolean;
  stderr: string;
  /** Calls that barchan's policy refused, each name once. */
  refused: string[];
  /** Calls of a monitor that the host's filter stopped. */
  breaches: string[];
}

/**
 * Runs the program at `program`, as buildAttack gave it, in a sandbox of its own with `options`. An attack by a monitor that was taken
 * over is run once for each of its attempts, since the first breach ends it.
 */
export async function runInSandbox(
  attack: Attack,
  program: string,
  options: SandboxOptions,
  told: Told,
  injector?: string,
  signal?: AbortSignal,
): Promise<AttackRun> {
  const isolated = options.isolation !== 'none';
  const mounts = isolated ? [...(options.mounts ?? []), { source: program, target: inside }] : options.mounts;
  await using box = await Sandbox.create({ ...options, mounts });
  const path = isolated ? inside : program;
  if (!attack.injected) return await runOnce(box, attack, path, told, injector, signal);
  const turns: AttackRun[] = [];
  for (let turn = 0; turn < attack.attempts; turn++)
    turns.push(await runOnce(box, attack, path, { ...told, ATTACK_TURN: String(turn) }, injector, signal));
  const bad = turns.find(({ exitCode, breaches }) => exitCode !== 0 && breaches.length === 0);
  return {
    attempts: turns.flatMap(({ attempts }) => attempts),
    failedControls: turns.flatMap(({ failedControls }) => failedControls),
    exitCode: bad ? bad.exitCode : 0,
    signal: bad?.signal ?? null,
    timedOut: turns.some(({ timedOut }) => timedOut),
    stderr: turns.map(({ stderr }) => stderr).join(''),
    refused: [...new Set(turns.flatMap(({ refused }) => refused))],
    breaches: turns.flatMap(({ breaches }) => breaches),
  };
}

async function runOnce(
  box: Sandbox,
  attack: Attack,
  path: string,
  told: Told,
  injector: string | undefined,
  signal: AbortSignal | undefined,
): Promise<AttackRun> {
  const refused = new Set<string>();
  const breaches: string[] = [];
  const onRefusal = ({ syscall }: { syscall: string }): unknown => refused.add(syscall);
  box.on('violation', onRefusal);
  const left = leave(attack, told);
  const guest = await box
    .spawn([path], {
      env: { PATH: searchPath, ...told },
      timeoutMs: attack.timeoutMs,
      signal,
      stdio: ['pipe', 'pipe', 'pipe', ...(left === undefined ? [] : [left])],
    })
    .finally(() => left !== undefined && closeSync(left));
  const { stdin, stdout, stderr } = guest;
  if (!stdin || !stdout || !stderr) throw new Error('the streams of an attack are pipes');
  const ended = guest.exited.catch((error: unknown) => {
    if (!(error instanceof SandboxError && error.code === 'ERR_MONITOR_BREACH')) throw error;
    breaches.push(error.breach?.syscall ?? 'unknown');
    return { exitCode: null, signal: 'SIGKILL', timedOut: false };
  });
  const reading = Promise.all([judge(stdout, stdin, { pid: () => guest.pid, injector }), collect(stderr)]);
  const gone = ended.then(() => guest.end());
  const [[lines, errors], { exitCode, signal: endedBy, timedOut }] = await Promise.all([
    untilGone(gone, [stdout, stderr], reading),
    ended,
  ]);
  box.off('violation', onRefusal);
  return { ...lines, stderr: errors, exitCode, signal: endedBy, timedOut, refused: [...refused], breaches };
}

/** Runs it without any isolation: for the control of an attack, never for one that could harm the host. */
export function runNatively(
  attack: Attack,
  program: string,
  told: Told,
  signal?: AbortSignal,
): Promise<AttackRun> {
  const env = { PATH: searchPath, ...told, ATTACK_NATIVE: '1', ATTACK_CONTROL: '1' };
  return runOutside(attack, told, { argv: [program], env, wraps: false }, signal);
}
