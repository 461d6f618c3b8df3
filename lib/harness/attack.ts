/** Running one attack of the corpus, in a sandbox or natively. */
import { closeSync } from 'node:fs';
import type { SandboxOptions } from '../options.js';
import { Sandbox } from '../sandbox.js';
import { type AttackReport, collect, judge } from './judge.js';
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
}

/** Runs the program at `program`, as buildAttack gave it, in a sandbox of its own with `options`. */
export async function runInSandbox(
  attack: Attack,
  program: string,
  options: SandboxOptions,
  told: Told,
  injector?: string,
): Promise<AttackRun> {
  const isolated = options.isolation !== 'none';
  const mounts = isolated ? [...(options.mounts ?? []), { source: program, target: inside }] : options.mounts;
  await using box = await Sandbox.create({ ...options, mounts });
  const refused = new Set<string>();
  box.on('violation', ({ syscall }) => refused.add(syscall));
  const left = leave(attack, told);
  const guest = await box
    .spawn([isolated ? inside : program], {
      env: { PATH: searchPath, ...told },
      timeoutMs: attack.timeoutMs,
      stdio: ['pipe', 'pipe', 'pipe', ...(left === undefined ? [] : [left])],
    })
    .finally(() => left !== undefined && closeSync(left));
  const { stdin, stdout, stderr } = guest;
  if (!stdin || !stdout || !stderr) throw new Error('the streams of an attack are pipes');
  const [lines, errors, exit] = await Promise.all([
    judge(stdout, stdin, { pid: () => guest.pid, injector }),
    collect(stderr),
    guest.exited,
  ]);
  const { exitCode, signal, timedOut } = exit;
  return { ...lines, stderr: errors, exitCode, signal, timedOut, refused: [...refused] };
}

/** Runs it without any isolation: for the control of an attack, never for one that could harm the host. */
export const runNatively = (attack: Attack, program: string, told: Told): Promise<AttackRun> =>
  runOutside(attack, told, {
    argv: [program],
    env: { PATH: searchPath, ...told, ATTACK_NATIVE: '1', ATTACK_CONTROL: '1' },
    wraps: false,
  });
