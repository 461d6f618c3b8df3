/** Reports of runs of the harness (docs/reports.md). Names in a verdict are the sample's: nothing in them may act on who reads a report. */
import type { Verdict } from './verdict.js';

export const reportFormats = ['text', 'json', 'junit', 'sarif', 'html'] as const;
export type ReportFormat = (typeof reportFormats)[number];

export interface ReportOptions {
  /** What was run, in a few words. Default: "barchan harness". */
  title?: string | undefined;
}

export interface Reported {
  title: string;
  verdicts: readonly Verdict[];
}

export async function formatReport(
  format: ReportFormat,
  verdicts: readonly Verdict[],
  options: ReportOptions = {},
): Promise<string> {
  const report: Reported = { title: options.title ?? 'barchan harness', verdicts };
  switch (format) {
    case 'text':
      return (await import('./report-text.js')).reportText(report);
    case 'json':
      return (await import('./report-json.js')).reportJson(report);
    case 'junit':
      return (await import('./report-junit.js')).reportJunit(report);
    case 'sarif':
      return (await import('./report-sarif.js')).reportSarif(report);
    case 'html':
      return (await import('./report-html.js')).reportHtml(report);
    default:
      throw new TypeError(`There is no report of the form ${String(format)}`);
  }
}
