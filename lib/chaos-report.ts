/** What was injected into a program, counted by rule and call. */
import type { ChaosDescription, ChaosRule } from './chaos.js';
import type { InjectionEvent } from './event-types.js';
import type { ProcessExit } from './process.js';

export interface ChaosExit {
  exitCode: number | null;
  signal: string | null;
  timedOut: boolean;
}

export interface ChaosRuleReport {
  rule: ChaosRule;
  /** How often it hit. */
  hits: number;
  /** By the call. */
  calls: Record<string, number>;
}

export interface ChaosReport {
  /** Of this format. */
  barchanChaos: 1;
  command: readonly string[];
  seed: number;
  injected: number;
  rules: ChaosRuleReport[];
  /** Injections that were not told of. */
  missing: number;
  exit: ChaosExit;
}

export const exitOf = ({ exitCode, signal, timedOut }: ProcessExit): ChaosExit => ({
  exitCode,
  signal,
  timedOut,
});

export class ChaosCounter {
  readonly #description: ChaosDescription;
  readonly #rules: ChaosRuleReport[];

  constructor(description: ChaosDescription) {
    this.#description = description;
    this.#rules = description.rules.map((rule) => ({ rule, hits: 0, calls: {} }));
  }

  take(event: InjectionEvent): void {
    const entry = this.#rules[event.rule];
    if (!entry) return;
    entry.hits++;
    entry.calls[event.syscall] = (entry.calls[event.syscall] ?? 0) + 1;
  }

  get injected(): number {
    return this.#rules.reduce((sum, { hits }) => sum + hits, 0);
  }

  report(command: readonly string[], exit: ProcessExit, missing: number): ChaosReport {
    return {
      barchanChaos: 1,
      command,
      seed: this.#description.seed,
      injected: this.injected,
      rules: this.#rules,
      missing,
      exit: exitOf(exit),
    };
  }
}

export function exitText({ exitCode, signal, timedOut }: ChaosExit): string {
  if (timedOut) return 'timed out';
  return signal === null ? `exit status ${exitCode}` : `killed by ${signal}`;
}
