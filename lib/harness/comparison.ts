/** Runs attacks of the corpus side by side in several isolations, and says what each of them stops. */
import { createHash } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { readFileSync } from 'node:fs';
import { version } from '../version.js';
import type { AttackRun } from './attack.js';
import { buildAttack, buildInjector } from './build.js';
import { Canaries, removeAbandonedCanaries } from './canaries.js';
import { removeAbandonedContainers } from './container.js';
import type { Isolation } from './isolation.js';
import type { Attack, Layer } from './metadata.js';
import { inside } from './outside.js';
import { type Evidence, type Verdict, verdictVersion } from './verdict.js';

/** An attack in an isolation: what came of it, or why nothing did. */
export interface Cell {
  attack: Attack;
  isolation: Isolation;
  verdict: Verdict | undefined;
  /** Why it was not run. */
  passedOver: string | undefined;
  /** Why the isolation could not run it. */
  failure: string | undefined;
}

export interface ComparisonOptions {
  attacks: readonly Attack[];
  isolations: readonly Isolation[];
  /** Folder of the programs. */
  build: string;
  /** Attacks at a time. Default 2. */
  jobs?: number | undefined;
  /** Ends all that runs. */
  signal?: AbortSignal | undefined;
  /** After each cell. */
  progress?: ((cell: Cell, done: number, all: number) => void) | undefined;
}

const mostStderr = 4096;

/** Attempts of `run` that worked and that `isolation` does not let through by decision. */
export function holes(isolation: Isolation, attack: Attack, run: Pick<AttackRun, 'attempts'>): string[] {
  const permitted = isolation.permits(attack);
  return run.attempts
    .filter(({ name, stopped }) => stopped === undefined && !permitted.includes(name))
    .map(({ name }) => name);
}

/**
 * What an attack has not shown in a run: it ended early, or what has to work did not, and so what it tried was not stopped but
 * never made. Undefined: it has shown all.
 */
function unshown(
  attack: Attack,
  { attempts, failedControls }: Pick<AttackRun, 'attempts' | 'failedControls'>,
): string | undefined {
  if (failedControls.length > 0) return `what has to work did not: ${failedControls.join(', ')}`;
  if (attempts.length >= attack.attempts) return undefined;
  return `it made ${attempts.length} of ${attack.attempts} attempts`;
}

/** Why a cell shows nothing of its isolation; undefined: it shows something, or there is no verdict. */
export function inconclusive({ attack, isolation, verdict }: Cell): string | undefined {
  if (!verdict || verdict.stoppedBy !== undefined) return undefined;
  if (verdict.contained === false || holes(isolation, attack, verdict).length > 0) return undefined;
  return unshown(attack, verdict);
}

/** barchan has to run everything and contain it, in runs that show so; of the others nothing is demanded. */
export function holds(cell: Cell): boolean {
  const { isolation, verdict, passedOver } = cell;
  if (!isolation.name.startsWith('barchan:') || passedOver !== undefined) return true;
  return verdict?.contained === true && inconclusive(cell) === undefined;
}

/** What programs that are linked statically call before main(), and what policies may refuse without being met by an attack. */
const ofStartUp = new Set(['rseq', 'set_robust_list', 'readlink', 'newfstatat', 'set_tid_address']);

/**
 * The layer that an attack met first: a policy that refuses calls stands before what the attack was written for, and is all that
 * an attack has met which could not show what it is about. Undefined: nothing is known to have stopped it.
 */
function layerMet({ name }: Isolation, attack: Attack, run: AttackRun): Layer | undefined {
  if (!name.startsWith('barchan:')) return undefined;
  if (run.breaches.length > 0) return 'seccomp';
  const refused = run.refused.some((call) => !ofStartUp.has(call));
  if (unshown(attack, run) !== undefined) return refused ? 'policy' : undefined;
  return refused && attack.stoppedBy !== 'ept' ? 'policy' : attack.stoppedBy;
}

function evidenceOf(layer: Layer | undefined, attack: Attack, run: AttackRun): Evidence[] {
  if (!layer) return [];
  const refused = run.refused.map(
    (call): Evidence => ({
      layer: 'policy',
      kind: 'denied',
      text: `the policy refused ${call}`,
      atMs: undefined,
    }),
  );
  const broken = run.breaches.map(
    (call): Evidence => ({
      layer: 'seccomp',
      kind: 'breach',
      text: `the host's filter stopped the monitor's ${call}`,
      atMs: undefined,
    }),
  );
  const expected: Evidence = {
    layer: attack.stoppedBy,
    kind: 'expected',
    text: `${attack.name} is written to be stopped by ${attack.stoppedBy}`,
    atMs: undefined,
  };
  return [...broken, ...refused, expected];
}

interface Facts {
  program: string;
  started: Date;
  harm: string[];
}

/** A run as a verdict. Isolations other than barchan show nothing but the attack's own report and the host's state. */
function verdictOf(
  isolation: Isolation,
  attack: Attack,
  run: AttackRun,
  { program, started, harm }: Facts,
): Verdict {
  const { attempts, failedControls, exitCode, signal, timedOut } = run;
  const stopped = attempts.some((attempt) => attempt.stopped !== undefined);
  const layer = stopped || attempts.length === 0 ? layerMet(isolation, attack, run) : undefined;
  const nothing: never[] = [];
  const stderr = Buffer.from(run.stderr);
  return {
    barchanVerdict: verdictVersion,
    sample: {
      name: attack.name,
      argv: [inside],
      sha256: createHash('sha256').update(readFileSync(program)).digest('hex'),
    },
    barchan: version,
    isolation: isolation.name,
    started: started.toISOString(),
    durationMs: Date.now() - started.getTime(),
    exit: { exitCode, signal, timedOut },
    stdout: { text: '', bytes: 0, truncated: true },
    stderr: {
      text: stderr.subarray(0, mostStderr).toString(),
      bytes: stderr.length,
      truncated: stderr.length > mostStderr,
    },
    // The report of the attack is all that is looked at.
    complete: false,
    missing: { dropped: 0, lost: 0, malformed: 0 },
    omitted: 0,
    ...{ programs: nothing, processes: nothing, files: nothing, dropped: nothing, deleted: nothing },
    ...{ sockets: nothing, names: nothing, flows: nothing, syscalls: nothing, denied: nothing },
    ...{ faults: nothing, executable: nothing, limits: nothing, timeline: nothing },
    selfModification: false,
    attempts,
    failedControls,
    reached: harm,
    contained:
      isolation.name === 'native'
        ? undefined
        : holes(isolation, attack, run).length === 0 && harm.length === 0,
    stoppedBy: layer,
    evidence: evidenceOf(layer, attack, run),
  };
}

/** What starting, its time-out, and the end of all its processes may take beside the time that an attack has. */
const graceMs = 90_000;

/** As `run`, or rejects when that takes longer than all of its own time-outs. Holds Node meanwhile. */
async function inTime<Result>(attack: Attack, run: Promise<Result>): Promise<Result> {
  const longest = (attack.injected ? attack.attempts : 1) * attack.timeoutMs + graceMs;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const error = new Error(`it has not ended within ${longest / 1000} s`);
    timer = setTimeout(() => reject(error), longest);
  });
  try {
    return await Promise.race([run, late]);
  } finally {
    clearTimeout(timer);
  }
}

async function judgeCell(
  attack: Attack,
  isolation: Isolation,
  program: string,
  injector: string,
  signal: AbortSignal,
): Promise<Cell> {
  const cell: Cell = { attack, isolation, verdict: undefined, passedOver: undefined, failure: undefined };
  const passedOver = isolation.missing ?? isolation.passesOver(attack);
  if (passedOver) return { ...cell, passedOver };
  await using canaries = await Canaries.plant();
  const started = new Date();
  try {
    const assault = { attack, program, told: canaries.told, injector, signal };
    const run = await inTime(attack, isolation.run(assault));
    // A container that was never made reports nothing, which is no containment.
    if (run.attempts.length === 0 && run.failedControls.length === 0 && isolation.couldNotStart(run))
      return { ...cell, failure: run.stderr.trim().split('\n')[0] || 'it has not started' };
    // Where no attack plays a monitor that was taken over it is barchan's own that broke its filter, and nothing was attacked.
    if (run.breaches.length > 0 && !attack.injected)
      return { ...cell, failure: `its monitor made the forbidden call ${run.breaches[0]}` };
    const harm = isolation.name === 'native' ? [] : await canaries.reached([]);
    return { ...cell, verdict: verdictOf(isolation, attack, run, { program, started, harm }) };
  } catch (error) {
    signal.throwIfAborted();
    return { ...cell, failure: (error as Error).message };
  }
}

/**
 * Every attack in every isolation, in the order of `attacks`. Rejects with ERR_TOOL_MISSING when nothing can be built here, and with
 * the reason of `signal` when that is aborted; then nothing is left of any run.
 */
export async function compare(options: ComparisonOptions): Promise<Cell[]> {
  const { attacks, isolations, build, jobs = 2, progress } = options;
  // One that fails ends the others.
  const failed = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, failed.signal]) : failed.signal;
  setMaxListeners(0, signal);
  signal.throwIfAborted();
  removeAbandonedCanaries();
  await removeAbandonedContainers();
  const injector = await buildInjector(build, signal);
  const rows: Cell[][] = attacks.map(() => []);
  const all = attacks.length * isolations.length;
  let done = 0;
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let index = next++; index < attacks.length; index = next++) {
      const attack = attacks[index] as Attack;
      const program = await buildAttack(attack, build, signal);
      for (const isolation of isolations) {
        signal.throwIfAborted();
        const cell = await judgeCell(attack, isolation, program, injector, signal);
        rows[index]?.push(cell);
        progress?.(cell, ++done, all);
      }
    }
  };
  const workers = Array.from({ length: jobs }, () =>
    worker().catch((error: unknown) => {
      failed.abort(error);
    }),
  );
  await Promise.all(workers);
  signal.throwIfAborted();
  return rows.flat();
}

/** What `--json` prints. */
export interface Comparison {
  barchanComparison: 1;
  isolations: { name: string; version: string | undefined; missing: string | undefined }[];
  verdicts: Verdict[];
  /** Attacks that were not run, or could not be. */
  passedOver: { attack: string; isolation: string; reason: string }[];
  failed: { attack: string; isolation: string; reason: string }[];
  /** Verdicts that show nothing. */
  inconclusive: { attack: string; isolation: string; reason: string }[];
}

export function comparison(isolations: readonly Isolation[], cells: readonly Cell[]): Comparison {
  const reasons = (reasonOf: (cell: Cell) => string | undefined): Comparison['failed'] =>
    cells.flatMap((cell) => {
      const reason = reasonOf(cell);
      return reason === undefined
        ? []
        : [{ attack: cell.attack.name, isolation: cell.isolation.name, reason }];
    });
  return {
    barchanComparison: 1,
    isolations: isolations.map(({ name, version: text, missing }) => ({ name, version: text, missing })),
    verdicts: cells.flatMap(({ verdict }) => verdict ?? []),
    passedOver: reasons(({ passedOver }) => passedOver),
    failed: reasons(({ failure }) => failure),
    inconclusive: reasons(inconclusive),
  };
}
