/** The behaviour of a sample against a profile that is stored beside the test, as snapshots are. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { asciiJson } from '../printable.js';
import {
  type BehaviourOptions,
  behaviour,
  behaviourParts,
  compareBehaviour,
  parseBehaviour,
} from './behaviour.js';
import { lines, type MatchResult } from './matchers.js';
import type { Verdict } from './verdict.js';

export interface MatchBehaviourOptions extends BehaviourOptions {
  /** Tells several profiles of one test apart. */
  name?: string | undefined;
  /** Where the profile is stored; default: `__behaviour__` beside the test, by the names of file and test. */
  file?: string | undefined;
  /** What is gone fails too. Default: only what is new does. */
  exact?: boolean | undefined;
}

/** What a matcher of Vitest knows of the test that it is in. */
export interface MatchBehaviourContext {
  isNot: boolean;
  testPath?: string | undefined;
  currentTestName?: string | undefined;
  snapshotState?: unknown;
}

const mostChanges = 60;

function profileFile(context: MatchBehaviourContext, options: MatchBehaviourOptions): string {
  if (options.file !== undefined) return options.file;
  const { testPath, currentTestName } = context;
  if (testPath === undefined || currentTestName === undefined)
    throw new Error('toMatchBehaviour() does not know which test it is in: give it a file');
  const name = [currentTestName, options.name]
    .filter(Boolean)
    .join(' ')
    .replace(/[^\p{L}\p{N}]+/gu, '-')
    .slice(0, 120);
  return join(dirname(testPath), '__behaviour__', basename(testPath), `${name}.json`);
}

/** As for snapshots: 'all' with -u, 'none' in CI, otherwise 'new'. */
function updates(context: MatchBehaviourContext): 'all' | 'new' | 'none' {
  const state = context.snapshotState;
  const word: unknown =
    typeof state === 'object' && state !== null ? Reflect.get(state, '_updateSnapshot') : undefined;
  if (word === 'all' || word === 'new' || word === 'none') return word;
  return process.env.CI ? 'none' : 'new';
}

/** Throws an Error where nothing can be said: without a profile, of an incomplete verdict. */
export function matchBehaviour(
  context: MatchBehaviourContext,
  verdict: Verdict,
  given: MatchBehaviourOptions | string = {},
): MatchResult {
  const options = typeof given === 'string' ? { name: given } : given;
  const file = profileFile(context, options);
  const now = behaviour(verdict, options);
  const update = context.isNot ? 'none' : updates(context);
  if (update === 'all' || (update === 'new' && !existsSync(file))) {
    if (!verdict.complete)
      throw new Error(
        'toMatchBehaviour() stores no profile of a verdict that is not complete: raise the bounds (`keep` of harness.run)',
      );
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, asciiJson(now));
    return { pass: true, message: () => `The behaviour was stored in ${file}.` };
  }
  if (!existsSync(file))
    throw new Error(
      `There is no profile ${file}. Run the test where it may be written (not in CI), look at it, and keep it with the test.`,
    );
  let before: ReturnType<typeof parseBehaviour>;
  try {
    before = parseBehaviour(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new Error(
      `The profile ${file} cannot be used: ${(error as Error).message}. Store it again by vitest -u.`,
    );
  }
  const changes = compareBehaviour(before, now);
  const fresh = changes.filter(({ kind }) => kind === 'new');
  const pass = fresh.length === 0 && !(options.exact && changes.length > 0);
  if (pass && !verdict.complete)
    throw new Error(
      'It cannot be said that the behaviour is the same: the verdict is not complete. Raise the bounds (`keep` of harness.run).',
    );
  return {
    pass,
    message: () => {
      if (pass) return `Expected a behaviour other than that of ${file}, but nothing is new.`;
      const shown = changes.slice(0, mostChanges);
      const parts = behaviourParts.flatMap((part) => {
        const here = shown.filter((change) => change.part === part);
        if (here.length === 0) return [];
        return [
          `${part}:`,
          lines(
            here.map(({ kind, text }) => `${kind === 'new' ? '+' : '-'} ${text}`),
            mostChanges,
          ),
        ];
      });
      const more = changes.length > shown.length ? [`and ${changes.length - shown.length} more changes`] : [];
      return [
        `The behaviour is not that of ${file}: ${fresh.length} new (+), ${changes.length - fresh.length} gone (-).`,
        ...parts,
        ...more,
        'If it may do this, store the profile again by vitest -u, and look at what changes in it; if it only differs from run to run, give `normalise`.',
      ].join('\n');
    },
  };
}
