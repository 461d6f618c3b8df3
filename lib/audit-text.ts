/** An audit for people, and for machines. Names are the program's: nothing in them may act on who reads them. */
import { type AuditReport, addressText } from './audit.js';
import { asciiJson, printable } from './printable.js';

export const seconds = (ms: number): string => `${(ms / 1000).toFixed(3)} s`;

export function section(title: string, lines: readonly string[], count = lines.length): string[] {
  return lines.length === 0 ? [] : ['', `${title}: ${count}`, ...lines.map((line) => `  ${line}`)];
}

export function endText(report: Pick<AuditReport, 'exit'>): string {
  const { exit } = report;
  if (!exit) return 'it did not run to an end';
  const how = exit.signal === null ? `exit status ${exit.exitCode}` : `ended by ${exit.signal}`;
  return exit.timedOut ? `${how}, after a timeout` : how;
}

export function missingText({ missing }: Pick<AuditReport, 'missing'>): string {
  const parts = Object.entries(missing).filter(([, count]) => count > 0);
  return `INCOMPLETE: ${parts.map(([name, count]) => `${count} events ${name}`).join(', ')}`;
}

export function auditText(report: AuditReport): string {
  const errors = (list: string[]): string => (list.length > 0 ? ` (${list.join(', ')})` : '');
  const lines = [
    `audit of ${report.command.map((word) => printable(word)).join(' ')}`,
    `${endText(report)}, after ${seconds(report.durationMs)}`,
    ...(report.complete ? [] : [missingText(report)]),
    ...(report.omitted > 0 ? [`${report.omitted} entries are not shown`] : []),
    ...section(
      'Programs',
      report.programs.map(({ pid, argv, path }) => printable(`[${pid}] ${path}: ${argv.join(' ')}`)),
    ),
    ...section(
      'Denied',
      report.denied.map(
        ({ text, verdict, calls }) => `${verdict} ${printable(text)}${calls > 1 ? ` x${calls}` : ''}`,
      ),
    ),
    ...section(
      'Sockets',
      report.sockets.map((one) => printable(`${one.use} ${addressText(one.address)}`) + errors(one.errors)),
    ),
  ];
  for (const use of ['deleted', 'created', 'changed', 'written', 'read'] as const) {
    const files = report.files.filter((file) => file.uses.includes(use));
    lines.push(
      ...section(
        `Files ${use}`,
        files.map(({ path }) => printable(path)),
      ),
    );
  }
  const failed = report.files.filter(({ uses }) => uses.length === 0);
  lines.push(
    ...section(
      'Files not reached',
      failed.map((file) => printable(file.path) + errors(file.errors)),
    ),
  );
  return `${lines.join('\n')}\n`;
}

export function auditJson(report: AuditReport): string {
  return asciiJson(report);
}
