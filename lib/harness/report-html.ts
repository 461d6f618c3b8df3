/** Verdicts as one page (html-page.ts): what became of each sample, its processes as a tree, what happened when, and tables. */
import { addressText } from '../audit.js';
import { endText } from '../audit-text.js';
import { cell, number, page, Room, table, text, timeline } from '../html-page.js';
import type { Reported } from './report.js';
import { breaches, flowText, lackText, outcomeText } from './report-text.js';
import type { Verdict } from './verdict.js';

/** Deeper processes are shown at this depth: a sample decides how deep they are. */
const deepest = 30;

interface Branch {
  pid: number;
  depth: number;
  programs: string;
  life: string;
}

/** Processes below their parents, in the order of their beginning. */
function branches({ processes, programs }: Verdict): Branch[] {
  const children = new Map<number | undefined, typeof processes>();
  const known = new Set(processes.map(({ pid }) => pid));
  for (const process of processes) {
    const parent = process.parent !== undefined && known.has(process.parent) ? process.parent : undefined;
    const list = children.get(parent) ?? [];
    list.push(process);
    children.set(parent, list);
  }
  const run = new Map<number, string[]>();
  for (const { pid, path, argv } of programs) {
    const list = run.get(pid) ?? [];
    list.push([path, ...argv.slice(1)].join(' '));
    run.set(pid, list);
  }
  const found: Branch[] = [];
  const seen = new Set<number>();
  const waiting = (children.get(undefined) ?? []).map((process) => ({ process, depth: 0 })).reverse();
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    const { process, depth } = next;
    const { pid, startMs, endMs, exitCode, signal } = process;
    const end = endMs === undefined ? 'no end seen' : (signal ?? `status ${exitCode}`);
    found.push({
      pid,
      depth: Math.min(depth, deepest),
      programs: (run.get(pid) ?? []).join(' → '),
      life: `${number(startMs)} ms, ${end}`,
    });
    // A number can come again, as its own descendant's.
    if (seen.has(pid)) continue;
    seen.add(pid);
    for (const child of (children.get(pid) ?? []).toReversed())
      waiting.push({ process: child, depth: depth + 1 });
  }
  return found;
}

const time = (ms: number | undefined): string => cell(ms === undefined ? '' : `${number(ms)} ms`, 'n');
const times = (count: number): string => cell(`${count}×`, 'n');

function tables(verdict: Verdict, room: Room): string[] {
  return [
    table('Got through', breaches(verdict), (line) => [cell(line, 'denied')], room),
    table(
      'Evidence',
      verdict.evidence,
      (one) => [time(one.atMs), cell(one.layer, 'k'), cell(one.kind, 'k'), cell(one.text)],
      room,
    ),
    table(
      'Attempts',
      verdict.attempts,
      (one) => [
        cell(one.stopped ?? 'worked', `k ${one.stopped === undefined ? 'denied' : ''}`),
        cell(one.name),
      ],
      room,
    ),
    table('Could not do what it has to', verdict.failedControls, (line) => [cell(line)], room),
    table(
      'Processes',
      branches(verdict),
      (one) => [
        cell(String(one.pid), 'n'),
        cell(one.life, 'k'),
        `<td style="padding-left:${one.depth}em">${text(one.programs)}</td>`,
      ],
      room,
    ),
    timeline(verdict, room),
    table(
      'Denied calls',
      verdict.denied,
      (one) => [times(one.calls), cell(one.verdict, 'k denied'), cell(String(one.pid), 'n'), cell(one.text)],
      room,
    ),
    table(
      'Names',
      verdict.names,
      (one) => [
        times(one.calls),
        cell(one.type, 'k'),
        cell(one.name),
        cell(one.answer?.join(', ') ?? 'no answer'),
      ],
      room,
    ),
    table(
      'Flows',
      verdict.flows,
      (one) => [time(one.startMs), cell(flowText(one)), cell(sent(one.sent))],
      room,
    ),
    table(
      'Sockets',
      verdict.sockets,
      (one) => [
        times(one.calls + one.failures),
        cell(one.use, 'k'),
        cell(addressText(one.address)),
        cell(one.errors.join(', ')),
      ],
      room,
    ),
    table(
      'Files dropped',
      verdict.dropped,
      (one) => [
        cell(one.change, 'k'),
        cell(`${one.size} bytes`, 'n'),
        cell(one.path),
        cell(one.sha256 ?? 'not hashed'),
      ],
      room,
    ),
    table('Files deleted', verdict.deleted, (path) => [cell(path)], room),
    table(
      'Files',
      verdict.files,
      (one) => [
        times(one.calls + one.failures),
        cell([...one.uses, ...one.errors].join(', '), 'k'),
        cell(one.path),
      ],
      room,
      false,
    ),
    table(
      'Faults',
      verdict.faults,
      (one) => [
        times(one.count),
        time(one.atMs),
        cell(one.signal, 'k'),
        cell(`${one.address}, instruction ${one.instruction}`),
      ],
      room,
    ),
    table(
      'Memory made executable',
      verdict.executable,
      (one) => [
        times(one.count),
        time(one.atMs),
        cell(one.syscall, 'k'),
        cell(`${one.bytes} bytes${one.writable ? ', writable' : ''}${one.anonymous ? ', of no file' : ''}`),
        cell(one.errno ?? one.address ?? ''),
      ],
      room,
    ),
    table(
      'Limits',
      verdict.limits,
      (one) => [times(one.count), time(one.firstMs), cell(one.limit, 'k'), cell(one.syscall ?? '')],
      room,
    ),
    table(
      'System calls',
      verdict.syscalls,
      (one) => [
        times(one.calls),
        time(one.firstMs),
        cell(one.name),
        cell(one.failures > 0 ? `${one.failures} failed` : ''),
      ],
      room,
      false,
    ),
    table(
      'All moments',
      verdict.timeline,
      (one) => [
        time(one.atMs),
        cell(String(one.pid), 'n'),
        cell(one.kind, `k ${one.kind === 'denied' ? 'denied' : ''}`),
        cell(one.text),
      ],
      room,
      false,
    ),
  ];
}

/** The first bytes of what was sent. */
const sent = (base64: string): string => Buffer.from(base64.slice(0, 400), 'base64').toString('latin1');

const anchor = (index: number): string => `run-${index + 1}`;

function section(verdict: Verdict, index: number, room: Room): string {
  const { sample, isolation, contained, durationMs } = verdict;
  const lack = lackText(verdict);
  return `<section id="${anchor(index)}"><h1><code>${text(sample.name)}</code> in ${text(isolation)}</h1>
<p class="${contained === false ? 'bad' : ''}">${text(outcomeText(verdict))}</p>
<p>${text(endText(verdict))}, after ${number(durationMs)} ms. <span class="dim">Started ${text(verdict.started)}. <code>${text(sample.argv.join(' '))}</code></span></p>
${lack === undefined ? '' : `<p class="bad">${text(lack)}</p>`}
${tables(verdict, room).join('\n')}</section>`;
}

export function reportHtml({ title, verdicts }: Reported): string {
  const room = new Room();
  const rows = table(
    'Runs',
    [...verdicts.entries()],
    ([index, verdict]) => [
      `<td><a href="#${anchor(index)}">${text(verdict.sample.name)}</a></td>`,
      cell(verdict.isolation, 'k'),
      cell(outcomeText(verdict), verdict.contained === false ? 'k denied' : 'k'),
      cell(verdict.evidence[0]?.text ?? ''),
    ],
    room,
  );
  const sections = room.fill([...verdicts.entries()], ([index, verdict]) => section(verdict, index, room));
  const more = verdicts.length - sections.length;
  return page('barchan harness', [
    `<h1>${text(title)}</h1>`,
    verdicts.length > 1 ? rows : '',
    ...sections,
    more > 0 ? `<p class="bad">${more} more are not shown.</p>` : '',
  ]);
}
