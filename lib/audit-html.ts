/** An audit as one page; see html-page.ts. */
import { type AuditReport, addressText } from './audit.js';
import { endText, missingText } from './audit-text.js';
import { cell, number, page, Room, table, text, timeline } from './html-page.js';

export function auditHtml(report: AuditReport): string {
  const { files } = report;
  const room = new Room();
  const count = (label: string, value: number): string => `<span><b>${value}</b>${label}</span>`;
  const used = (use: string): number => files.filter((file) => (file.uses as string[]).includes(use)).length;
  const body = [
    `<h1>Audit of <code>${text(report.command.join(' '))}</code></h1>`,
    `<p>${text(endText(report))}, after ${number(report.durationMs)} ms. <span class="dim">Started ${text(report.started)}.</span></p>`,
    report.complete ? '' : `<p class="bad">${text(missingText(report))}</p>`,
    report.omitted > 0 ? `<p class="bad">${report.omitted} entries are not shown.</p>` : '',
    `<div class="counts">${[
      count('processes', report.processes.length),
      count('programs', report.programs.length),
      count('denied', report.denied.length),
      count('sockets', report.sockets.length),
      count('files read', used('read')),
      count('files written', used('written')),
      count('files deleted', used('deleted')),
    ].join('')}</div>`,
    timeline(report, room),
    table(
      'Denied calls',
      report.denied,
      (one) => [
        cell(`${one.calls}×`, 'n'),
        cell(one.verdict, 'k denied'),
        cell(String(one.pid), 'n'),
        cell(one.text),
      ],
      room,
    ),
    table(
      'Programs',
      report.programs,
      (one) => [
        cell(`${number(one.atMs)} ms`, 'n'),
        cell(String(one.pid), 'n'),
        cell(one.path),
        cell(one.argv.join(' ')),
      ],
      room,
    ),
    table(
      'Sockets',
      report.sockets,
      (one) => [
        cell(`${one.calls + one.failures}×`, 'n'),
        cell(one.use, 'k'),
        cell(addressText(one.address)),
        cell(one.errors.join(', ')),
      ],
      room,
    ),
    table(
      'Files',
      files.filter(({ uses }) => uses.length > 0),
      (one) => [cell(`${one.calls}×`, 'n'), cell(one.uses.join(', '), 'k'), cell(one.path)],
      room,
    ),
    table(
      'Files not reached',
      files.filter(({ uses }) => uses.length === 0),
      (one) => [cell(`${one.failures}×`, 'n'), cell(one.errors.join(', '), 'k'), cell(one.path)],
      room,
      false,
    ),
    table(
      'All moments',
      report.timeline,
      (one) => [
        cell(`${number(one.atMs)} ms`, 'n'),
        cell(String(one.pid), 'n'),
        cell(one.kind, `k ${one.kind === 'denied' ? 'denied' : ''}`),
        cell(one.text),
      ],
      room,
      false,
    ),
  ];
  return page('barchan audit', body);
}
