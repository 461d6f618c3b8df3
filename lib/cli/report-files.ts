/** Reports of verdicts into files. */
import { writeFileSync } from 'node:fs';
import { formatReport, reportFormats } from '../harness/report.js';
import type { Verdict } from '../harness/verdict.js';

/** Writers for words such as `json=FILE`; `refuse`, which does not return, is told what is wrong with one. */
export function reportWriters(
  words: readonly string[],
  refuse: (problem: string, remedy: string) => never,
): ((verdicts: readonly Verdict[]) => Promise<void>)[] {
  return words.map((word) => {
    const [, name = '', file = ''] = /^(\w+)=(.+)$/.exec(word) ?? [];
    const format = reportFormats.find((one) => one === name);
    if (!format)
      return refuse(
        `--report cannot be ${JSON.stringify(word)}`,
        `Give FORMAT=FILE; formats are: ${reportFormats.join(', ')}.`,
      );
    return async (verdicts) => writeFileSync(file, await formatReport(format, verdicts));
  });
}
