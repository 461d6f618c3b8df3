/** Reports of verdicts, by format. */
import { writeFileSync } from 'node:fs';
import type { Verdict } from './verdict.js';

type Format = (verdicts: readonly Verdict[]) => string | Promise<string>;

/** By the word before '=' in `--report`. */
export const reportFormats: Record<string, Format> = {
  json: (verdicts) => `${JSON.stringify(verdicts, undefined, 2)}\n`,
};

/** Writers for words such as `json=FILE`; `refuse`, which does not return, is told what is wrong with one. */
export function reportWriters(
  words: readonly string[],
  refuse: (problem: string, remedy: string) => never,
): ((verdicts: readonly Verdict[]) => Promise<void>)[] {
  return words.map((word) => {
    const [, name = '', file = ''] = /^(\w+)=(.+)$/.exec(word) ?? [];
    const format = Object.hasOwn(reportFormats, name) ? reportFormats[name] : undefined;
    if (!format)
      return refuse(
        `--report cannot be ${JSON.stringify(word)}`,
        `Give FORMAT=FILE; formats are: ${Object.keys(reportFormats).join(', ')}.`,
      );
    return async (verdicts) => writeFileSync(file, await format(verdicts));
  });
}
