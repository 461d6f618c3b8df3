/** What an isolation is to the corpus, and what those beside barchan share. */
import { execFileSync } from 'node:child_process';
import type { Rlimits, RlimitValue } from '../isolation.js';
import type { AttackRun, Told } from './attack.js';
import type { Attack } from './metadata.js';

/** An attack that is built, and what it may reach for. */
export interface Assault {
  attack: Attack;
  program: string;
  told: Told;
  /** For attacks with `@injected`. */
  injector: string;
  /** Ends the run, which then rejects with nothing left. */
  signal?: AbortSignal | undefined;
}

export interface Isolation {
  /** As on the command line: `native`, `bwrap`, `runc`, `crun`, `barchan:default`. */
  name: string;
  /** What it says of its version; undefined when it is not on this machine, for which `missing` is the reason. */
  version: string | undefined;
  missing: string | undefined;
  /** Why `attack` is not run in it; undefined: it is. */
  passesOver(attack: Attack): string | undefined;
  /** Attempts of `attack` that it lets through by decision. */
  permits(attack: Attack): readonly string[];
  /** Of a run without any report: it was the isolation that failed, and not the attack that was stopped at once. */
  couldNotStart(run: AttackRun): boolean;
  run(assault: Assault): Promise<AttackRun>;
}

/** What other isolations pass over. */
export function notForPeers(attack: Attack): string | undefined {
  if (attack.injected) return 'it has no monitor that could be taken over';
  return attack.notForPeers;
}

/** What `program` says of its version, in one line; undefined when there is none. */
export function versionOf(program: string): string | undefined {
  try {
    const said = execFileSync(program, ['--version'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return said.split('\n')[0]?.trim();
  } catch {
    return undefined;
  }
}

/** Soft and hard limit of each of `limits`. */
export function limitPairs(limits: Rlimits): { name: string; soft: RlimitValue; hard: RlimitValue }[] {
  return Object.entries(limits).flatMap(([name, value]) => {
    if (value === undefined) return [];
    return [{ name, ...(typeof value === 'object' ? value : { soft: value, hard: value }) }];
  });
}
