/** Verdicts for machines: schema/report-1.json, in ASCII. */
import { asciiJson } from '../printable.js';
import { version } from '../version.js';
import type { Reported } from './report.js';

/** Goes up when the form changes otherwise than by more fields. */
export const reportVersion = 1;

export function reportJson({ title, verdicts }: Reported): string {
  return asciiJson({ barchanReport: reportVersion, barchan: version, title, verdicts });
}
