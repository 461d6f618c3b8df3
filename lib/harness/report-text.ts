/** Verdicts in words, for terminals; and the sentences that other reports share with it. */
import { addressText } from '../audit.js';
import { endText, missingText, seconds, section } from '../audit-text.js';
import { printable } from '../printable.js';
import type { Reported } from './report.js';
import type { Evidence, Verdict, VerdictFlow } from './verdict.js';

const mostLines = 100;

/** "contained, stopped by gate", ... */
export function outcomeText({ contained, stoppedBy }: Verdict): string {
  const stop = stoppedBy === undefined ? 'nothing had to be stopped' : `stopped by ${stoppedBy}`;
  if (contained === undefined) return 'without isolation: it shows nothing of it';
  return contained
    ? `contained, ${stop}`
    : stoppedBy === undefined
      ? 'NOT CONTAINED'
      : `NOT CONTAINED, ${stop}`;
}

/** What a verdict cannot show; undefined: nothing is missing. */
export function lackText(verdict: Verdict): string | undefined {
  if (verdict.complete && verdict.omitted === 0) return undefined;
  const parts = Object.values(verdict.missing).some((count) => count > 0) ? [missingText(verdict)] : [];
  if (verdict.omitted > 0) parts.push(`${verdict.omitted} entries were left out`);
  return parts.length > 0 ? parts.join('; ') : 'INCOMPLETE: not every call was looked at';
}

/** What got through, in a sentence each: what the sample did that it must not be able to. */
export function breaches(verdict: Verdict): string[] {
  return [
    ...verdict.attempts
      .filter(({ stopped }) => stopped === undefined)
      .map(({ name }) => `attempt ${name} worked`),
    ...verdict.reached,
    ...verdict.evidence.filter(({ kind }) => kind === 'breach').map(({ text }) => text),
  ];
}

export const evidenceText = ({ layer, kind, text }: Evidence): string => `${layer}, ${kind}: ${text}`;

export const flowText = ({
  protocol,
  host,
  address,
  port,
  service,
  sentBytes,
  receivedBytes,
}: VerdictFlow): string =>
  `${protocol} ${host === undefined ? '' : `${host} `}${address.includes(':') ? `[${address}]` : address}:${port} ` +
  `(${service}), ${sentBytes} bytes sent, ${receivedBytes} received`;

function block(title: string, lines: readonly string[]): string[] {
  const shown = lines.slice(0, mostLines).map((line) => printable(line));
  if (lines.length > shown.length) shown.push(`... and ${lines.length - shown.length} more`);
  return section(title, shown, lines.length);
}

function verdictLines(verdict: Verdict): string[] {
  const lack = lackText(verdict);
  const times = (count: number): string => (count > 1 ? ` x${count}` : '');
  return [
    `${printable(verdict.sample.name)} in ${printable(verdict.isolation)}: ${outcomeText(verdict)}`,
    `${endText(verdict)}, after ${seconds(verdict.durationMs)}`,
    ...(lack === undefined ? [] : [lack]),
    ...block('Got through', breaches(verdict)),
    ...block('Could not do what it has to', verdict.failedControls),
    ...block('Evidence', verdict.evidence.map(evidenceText)),
    ...block(
      'Programs',
      verdict.programs.map(({ pid, path, argv }) => `[${pid}] ${path}: ${argv.join(' ')}`),
    ),
    ...block(
      'Denied',
      verdict.denied.map(({ text, verdict: word, calls }) => `${word} ${text}${times(calls)}`),
    ),
    ...block(
      'Names',
      verdict.names.map(({ name, type, answer }) => `${type} ${name}: ${answer?.join(', ') ?? 'no answer'}`),
    ),
    ...block('Flows', verdict.flows.map(flowText)),
    ...block(
      'Sockets',
      verdict.sockets.map(({ use, address, errors }) =>
        `${use} ${addressText(address)} ${errors.join(', ')}`.trim(),
      ),
    ),
    ...block(
      'Files dropped',
      verdict.dropped.map(
        ({ change, path, size, sha256 }) => `${change} ${path}, ${size} bytes, ${sha256 ?? 'not hashed'}`,
      ),
    ),
    ...block('Files deleted', verdict.deleted),
    ...block(
      'Faults',
      verdict.faults.map(
        ({ signal, address, pid, count }) => `[${pid}] ${signal} at ${address}${times(count)}`,
      ),
    ),
    ...block(
      'Memory made executable',
      verdict.executable.map(
        ({ syscall, bytes, writable, pid, count }) =>
          `[${pid}] ${syscall} of ${bytes} bytes${writable ? ', writable' : ''}${times(count)}`,
      ),
    ),
    ...block(
      'Limits',
      verdict.limits.map(
        ({ limit, syscall, count }) => `${limit}${syscall ? ` in ${syscall}` : ''}${times(count)}`,
      ),
    ),
  ];
}

export function reportText({ title, verdicts }: Reported): string {
  const failed = verdicts.filter(({ contained }) => contained === false).length;
  const head = `${printable(title)}: ${verdicts.length} run, ${failed} not contained`;
  return `${[head, ...verdicts.flatMap((verdict) => ['', ...verdictLines(verdict)])].join('\n')}\n`;
}
