/**
 * What held a sample, by evidence alone: what its events prove, and for an attack of the corpus what it reports of itself.
 *
 * The attacks' programs are the harness's own: they are believed. Of other samples no output is read.
 */
import type { SandboxError } from '../errors.js';
import type { Attack } from './metadata.js';
import { type Layer, layers } from './metadata.js';
import type { Evidence, Verdict, VerdictAttempt } from './verdict.js';

/** Of each layer: much of one does not push out the others. */
const mostEvidence = 50;
/** Layers whose word is always told: without it they have not spoken. */
const alwaysTold: readonly Layer[] = ['policy', 'seccomp'];

export interface Case {
  attack: Attack | undefined;
  attempts: readonly VerdictAttempt[];
  failedControls: readonly string[];
  reached: readonly string[];
  /** By events. */
  evidence: readonly Evidence[];
  /** ERR_MONITOR_BREACH or ERR_MONITOR_CRASH. */
  failure: SandboxError | undefined;
  isolated: boolean;
}

export type Judgement = Pick<Verdict, 'contained' | 'stoppedBy' | 'evidence'> & { omitted: number };

const outermost = (proven: readonly Evidence[]): Layer | undefined =>
  layers.find((layer) => proven.some((one) => one.layer === layer));

/** Of an attack that had to be stopped by its layer. */
function layerOf(attack: Attack, proven: readonly Evidence[]): Layer {
  if (proven.some(({ layer }) => layer === attack.stoppedBy)) return attack.stoppedBy;
  if (!alwaysTold.includes(attack.stoppedBy)) return attack.stoppedBy;
  return outermost(proven) ?? attack.stoppedBy;
}

export function judge({
  attack,
  attempts,
  failedControls,
  reached,
  evidence,
  failure,
  isolated,
}: Case): Judgement {
  const proven = [...evidence];
  if (failure) {
    const breach = failure.code === 'ERR_MONITOR_BREACH';
    proven.unshift({
      layer: breach ? 'seccomp' : 'gate',
      kind: 'breach',
      text: failure.message,
      atMs: undefined,
    });
  }
  const worked = attempts.some(({ stopped }) => stopped === undefined);
  const contained = failure || worked || reached.length > 0 ? false : isolated || attack ? true : undefined;

  let stoppedBy = outermost(proven);
  if (attack) {
    const stopped = attempts.filter((attempt) => attempt.stopped !== undefined);
    // One that ended early, or could do nothing at all, shows nothing.
    const enough = stopped.length >= attack.attempts && failedControls.length === 0;
    stoppedBy = failure ? proven[0]?.layer : enough && !worked ? layerOf(attack, proven) : undefined;
    const layer = stoppedBy ?? attack.stoppedBy;
    const shown = proven.some((one) => one.layer === layer);
    proven.unshift(
      ...stopped.map(
        ({ name, stopped: how }): Evidence => ({
          layer,
          kind: 'attempt',
          text: `${name}: ${how}`,
          atMs: undefined,
        }),
      ),
    );
    if (stoppedBy !== undefined && !shown)
      proven.unshift({
        layer,
        kind: 'expected',
        text: `the attack is stopped by this layer and works without it (${attack.name})`,
        atMs: undefined,
      });
  }
  const counts = new Map<Layer, number>();
  const shown = proven.filter(({ layer }) => {
    const count = (counts.get(layer) ?? 0) + 1;
    counts.set(layer, count);
    return count <= mostEvidence;
  });
  return { contained, stoppedBy, evidence: shown, omitted: proven.length - shown.length };
}
