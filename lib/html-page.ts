/** Pages that show what programs did: one file, without scripts, that loads nothing. Every name is a program's and shown as text. */
import type { AuditedMoment, AuditedProcess, AuditedProgram } from './audit.js';
import { html, printable } from './printable.js';

const mostLanes = 60;
const mostMarks = 4000;
const mostRows = 3000;
const mostText = 2000;
const width = 1000;
const lane = 22;
const labels = 150;

/** A program's text; what is too long for a page ends with an ellipsis. */
export const text = (value: string): string =>
  html(printable(value.length > mostText ? `${value.slice(0, mostText)}…` : value));

const style = `
:root { color-scheme: light dark; --line: #8884; --dim: #888; --bar: #8a9bb033;
  --exec: #2f6fde; --file: #3a9a5b; --socket: #b8860b; --denied: #d02f3a; --fault: #c2410c; --limit: #a21caf; --breach: #7f1d1d; --other: #7a869a; }
body { font: 14px/1.5 system-ui, sans-serif; max-width: 1100px; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.3rem; margin: 0; overflow-wrap: anywhere; } h2 { font-size: 1rem; margin: 2rem 0 .5rem; }
code, td, summary, svg { font: 12px/1.6 ui-monospace, Consolas, monospace; }
h1 code { font-size: inherit; }
p { margin: .3rem 0; } .dim { color: var(--dim); } .bad { color: var(--denied); font-weight: 600; }
table { border-collapse: collapse; width: 100%; } td { border-top: 1px solid var(--line); padding: .15rem .6rem .15rem 0;
  vertical-align: top; overflow-wrap: anywhere; } td.n { text-align: right; white-space: nowrap; width: 6rem; color: var(--dim); }
td.k { white-space: nowrap; width: 8rem; }
.counts { display: flex; flex-wrap: wrap; gap: .5rem 1.5rem; margin: 1rem 0; } .counts b { font-size: 1.2rem; display: block; }
.chart { overflow-x: auto; } svg text { fill: currentColor; } svg .dim { fill: var(--dim); }
.key span { margin-right: 1rem; } .key i { display: inline-block; width: .7em; height: .7em; margin-right: .3em; }
${['exec', 'file', 'socket', 'denied', 'fault', 'limit', 'breach', 'other']
  .map((kind) => `.${kind} { --c: var(--${kind}); }`)
  .join(' ')}
.key i { background: var(--c); } svg rect { fill: var(--c, var(--bar)); } td.k.denied { color: var(--denied); }
`;

const kindOf = (moment: AuditedMoment): string =>
  moment.kind === 'fork' || moment.kind === 'exit' ? 'other' : moment.kind;

export const number = (value: number): string => value.toFixed(1).replace(/\.0$/, '');

export interface Timed {
  processes: AuditedProcess[];
  programs: AuditedProgram[];
  timeline: AuditedMoment[];
  durationMs: number;
}

/** How much a page may still hold, in characters; its parts take from it. */
export class Room {
  #left = 5_000_000;

  /** As many of `parts`, made one by one, as there is room for. */
  fill<Entry>(entries: readonly Entry[], part: (entry: Entry) => string): string[] {
    const made: string[] = [];
    for (const entry of entries) {
      if (this.#left <= 0) break;
      const text = part(entry);
      this.#left -= text.length;
      made.push(text);
    }
    return made;
  }
}

export function timeline(report: Timed, room: Room): string {
  const { processes, timeline: moments, durationMs } = report;
  const end = Math.max(durationMs, ...moments.slice(-1).map(({ atMs }) => atMs), 1);
  const x = (ms: number): number => labels + (Math.min(ms, end) / end) * (width - labels - 10);
  const lanes = processes.slice(0, mostLanes);
  const lanesOf = new Map(lanes.map((process, i) => [process.pid, i]));
  const parts: string[] = [];
  const height = (lanes.length + 1) * lane + 10;
  for (let tick = 0; tick <= 5; tick++) {
    const at = (end * tick) / 5;
    parts.push(
      `<line x1="${number(x(at))}" x2="${number(x(at))}" y1="${lane - 4}" y2="${height}" stroke="var(--line)"/>`,
      `<text class="dim" x="${number(x(at))}" y="12" text-anchor="${tick === 5 ? 'end' : 'middle'}">${number(at)} ms</text>`,
    );
  }
  for (const [i, process] of lanes.entries()) {
    const y = (i + 1) * lane;
    const from = x(process.startMs);
    const name = report.programs.filter(({ pid }) => pid === process.pid).at(-1)?.argv[0] ?? '';
    const label = `${process.pid} ${name.split('/').at(-1) ?? ''}`;
    parts.push(
      `<text x="0" y="${y + 14}">${text(label.length > 20 ? `${label.slice(0, 19)}…` : label)}</text>`,
      `<rect x="${number(from)}" y="${y + 2}" width="${number(Math.max(2, x(process.endMs ?? end) - from))}" height="${lane - 6}" rx="3"/>`,
    );
  }
  const marks = room.fill(moments.filter(({ pid }) => lanesOf.has(pid)).slice(0, mostMarks), (moment) => {
    const y = ((lanesOf.get(moment.pid) as number) + 1) * lane + 2;
    const tip = `${number(moment.atMs)} ms  ${moment.kind}  ${moment.text}`;
    return `<rect class="${kindOf(moment)}" x="${number(x(moment.atMs) - 1)}" y="${y}" width="2" height="${lane - 6}"><title>${text(tip.slice(0, 300))}</title></rect>`;
  });
  parts.push(...marks);
  const more = processes.length - lanes.length + (moments.length - marks.length);
  return `<h2>Timeline</h2><p class="key">${[
    'exec',
    'file',
    'socket',
    'denied',
    'fault',
    'limit',
    'breach',
    'other',
  ]
    .map((kind) => `<span class="${kind}"><i></i>${kind === 'other' ? 'fork, exit' : kind}</span>`)
    .join('')}</p>
<div class="chart"><svg viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="What happened when">${parts.join('')}</svg></div>${
    more > 0 ? `<p class="dim">${more} processes and moments are not drawn.</p>` : ''
  }`;
}

/** `entries` as rows of cells; nothing for none. */
export function table<Entry>(
  title: string,
  entries: readonly Entry[],
  cells: (entry: Entry) => string[],
  room: Room,
  open = true,
): string {
  if (entries.length === 0) return '';
  const shown = room.fill(entries.slice(0, mostRows), (entry) => `<tr>${cells(entry).join('')}</tr>`);
  const rest =
    entries.length > shown.length
      ? `<p class="dim">${entries.length - shown.length} more are not shown.</p>`
      : '';
  return `<h2>${title}</h2><details${open ? ' open' : ''}><summary>${entries.length}</summary><table>${shown.join('')}</table>${rest}</details>`;
}

export const cell = (value: string, kind = ''): string =>
  `<td${kind && ` class="${kind}"`}>${text(value)}</td>`;

/** The whole file. `title` is none of a program's. */
export function page(title: string, parts: readonly string[]): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${html(title)}</title>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1"><style>${style}</style></head>
<body>
${parts.filter(Boolean).join('\n')}
</body></html>
`;
}
