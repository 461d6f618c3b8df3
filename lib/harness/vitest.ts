/**
 * Matchers for Vitest: `import 'barchan/harness/vitest'` in a set-up file or a test adds them to `expect`.
 *
 * @module harness/vitest
 */
import { expect } from 'vitest';
import type { SyscallName } from '../syscalls.js';
import { type MatchBehaviourContext, type MatchBehaviourOptions, matchBehaviour } from './match-behaviour.js';
import {
  contained,
  madeNoNetworkAttempt,
  mustBeVerdict,
  onlyTouched,
  stoppedBy,
  usedNoMoreThan,
} from './matchers.js';
import type { Layer } from './metadata.js';

export type { BehaviourOptions } from './behaviour.js';
export type { MatchBehaviourOptions } from './match-behaviour.js';
export type { Layer } from './metadata.js';

export interface HarnessMatchers<R = unknown> {
  /** No attempt worked, nothing outside was reached, no layer was broken. */
  toBeContained(): R;
  toBeStoppedBy(layer: Layer): R;
  /** Wrote, created, changed and deleted only what these patterns match; with `reads`, and read only that and those. */
  toOnlyTouch(
    globs: string | readonly string[],
    options?: { reads?: string | readonly string[] | undefined },
  ): R;
  /** Made only these system calls, or at most so many of each. */
  toUseNoMoreThan(syscalls: readonly SyscallName[] | Readonly<Partial<Record<SyscallName, number>>>): R;
  toMakeNoNetworkAttempt(): R;
  /** Does nothing that the stored profile has not. Stores it where there is none, and again with `vitest -u`. */
  toMatchBehaviour(options?: MatchBehaviourOptions | string): R;
}

declare module 'vitest' {
  // biome-ignore lint/suspicious/noExplicitAny: as Vitest declares it.
  interface Matchers<T = any> extends HarnessMatchers<T> {}
}

expect.extend({
  toBeContained(verdict: unknown) {
    mustBeVerdict(verdict);
    return contained(verdict);
  },
  toBeStoppedBy(verdict: unknown, layer: Layer) {
    mustBeVerdict(verdict);
    return stoppedBy(verdict, layer);
  },
  toOnlyTouch(
    verdict: unknown,
    globs: string | readonly string[],
    options?: { reads?: string | readonly string[] | undefined },
  ) {
    mustBeVerdict(verdict);
    return onlyTouched(verdict, globs, options);
  },
  toUseNoMoreThan(verdict: unknown, allowed: readonly string[] | Readonly<Record<string, number>>) {
    mustBeVerdict(verdict);
    return usedNoMoreThan(verdict, allowed);
  },
  toMakeNoNetworkAttempt(verdict: unknown) {
    mustBeVerdict(verdict);
    return madeNoNetworkAttempt(verdict);
  },
  toMatchBehaviour(verdict: unknown, options?: MatchBehaviourOptions | string) {
    mustBeVerdict(verdict);
    return matchBehaviour(this as unknown as MatchBehaviourContext, verdict, options);
  },
});
