/** Verdicts as tests for build servers: one of each sample, which fails when something got through. */
import { endText } from '../audit-text.js';
import { html, printable } from '../printable.js';
import type { Reported } from './report.js';
import { breaches, evidenceText, lackText, outcomeText } from './report-text.js';
import type { Verdict } from './verdict.js';

const mostLines = 200;

/** printable() leaves no character that XML does not have. */
const text = (value: string): string => html(printable(value));
const lines = (values: readonly string[]): string => values.slice(0, mostLines).map(text).join('\n');

function testCase(verdict: Verdict): string {
  const { sample, isolation, durationMs, contained, evidence } = verdict;
  const head = `  <testcase classname="${text(isolation)}" name="${text(sample.name)}" time="${(durationMs / 1000).toFixed(3)}">`;
  const why = [...breaches(verdict), ...evidence.map(evidenceText)];
  const lack = lackText(verdict);
  const parts: string[] = [];
  if (contained === false) {
    const message = breaches(verdict)[0] ?? outcomeText(verdict);
    parts.push(`    <failure type="not-contained" message="${text(message)}">${lines(why)}</failure>`);
  } else if (contained === undefined) {
    parts.push(`    <skipped message="${text(outcomeText(verdict))}"/>`);
  }
  const told = [outcomeText(verdict), endText(verdict), ...(lack === undefined ? [] : [lack]), ...why];
  parts.push(`    <system-out>${lines(told)}</system-out>`);
  return `${head}\n${parts.join('\n')}\n  </testcase>`;
}

export function reportJunit({ title, verdicts }: Reported): string {
  const count = (contained: boolean | undefined): number =>
    verdicts.filter((verdict) => verdict.contained === contained).length;
  const time = verdicts.reduce((sum, { durationMs }) => sum + durationMs, 0) / 1000;
  const totals = `tests="${verdicts.length}" failures="${count(false)}" errors="0" skipped="${count(undefined)}" time="${time.toFixed(3)}"`;
  return `<?xml version="1.0" encoding="UTF-8"?>
<testsuites ${totals}>
<testsuite name="${text(title)}" ${totals}>
${verdicts.map(testCase).join('\n')}
</testsuite>
</testsuites>
`;
}
