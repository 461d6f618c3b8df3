/** What barchan harness shows to people: progress, one attack, and the table of a comparison. */
import { writeSync } from 'node:fs';
import { type Cell, holes, inconclusive } from '../harness/comparison.js';
import type { Isolation } from '../harness/isolation.js';
import type { Attack } from '../harness/metadata.js';
import { printable } from '../printable.js';

/** One line on a terminal that is written over, or a line every ten seconds elsewhere; from the second second on. */
export function progress(): { step: (cell: Cell, done: number, all: number) => void; end: () => void } {
  const terminal = process.stderr.isTTY;
  const everyMs = terminal ? 200 : 10_000;
  let last = Date.now() - everyMs + 2000;
  let shown = false;
  const write = (text: string): void => {
    try {
      writeSync(2, text);
    } catch {} // nobody reads it
  };
  return {
    step: ({ attack, isolation }, done, all) => {
      if (Date.now() - last < everyMs) return;
      last = Date.now();
      shown = true;
      const line = `${done} of ${all}: ${attack.name}, ${isolation.name}`;
      write(terminal ? `\r\x1b[K${line}` : `${line}\n`);
    },
    end: () => {
      if (terminal && shown) write('\r\x1b[K');
    },
  };
}

/** "works natively", or why there is no control. */
export function controlText({ control }: Attack): string {
  if (control.kind === 'native') return 'works natively';
  if (control.kind === 'none') return `none: ${control.reason}`;
  return `works with ${JSON.stringify(control.options)}`;
}

export function shownAttack(attack: Attack): string {
  const { name, summary, technique, weakness, cve, stoppedBy, options, source, notForPeers } = attack;
  const rows: [string, string | undefined][] = [
    ['technique', technique],
    ['weakness', weakness],
    ['follows', cve],
    ['stopped by', stoppedBy],
    ['under', JSON.stringify(options)],
    ['control', controlText(attack)],
    ['other isolations', notForPeers && `not run: ${notForPeers}`],
    ['source', source],
  ];
  const lines = rows.flatMap(([key, value]) => (value ? [`  ${key.padEnd(17)} ${value}`] : []));
  return `${name}\n  ${summary}\n${lines.join('\n')}\n`;
}

/** A cell in a few words. */
export function cellText(cell: Cell): string {
  const { attack, isolation, verdict, failure } = cell;
  if (failure !== undefined) return 'failed';
  if (!verdict) return '-';
  const open = holes(isolation, attack, verdict).length;
  if (open > 0) return `${open} of ${verdict.attempts.length} worked`;
  if (verdict.contained === false) return 'reached the host';
  if (verdict.stoppedBy !== undefined) return verdict.stoppedBy;
  if (verdict.exit.timedOut) return 'timed out';
  return inconclusive(cell) === undefined ? 'stopped' : 'inconclusive';
}

/** How many attacks an isolation stopped, by what they did. */
export function counts(cells: readonly Cell[]): {
  stopped: number;
  worked: number;
  inconclusive: number;
  notRun: number;
  failed: number;
} {
  const of = (fits: (cell: Cell) => boolean): number => cells.filter(fits).length;
  const worked = ({ attack, isolation, verdict }: Cell): boolean =>
    verdict !== undefined && (verdict.contained === false || holes(isolation, attack, verdict).length > 0);
  return {
    stopped: of((cell) => cell.verdict !== undefined && !worked(cell) && inconclusive(cell) === undefined),
    worked: of(worked),
    inconclusive: of((cell) => inconclusive(cell) !== undefined),
    notRun: of(({ passedOver }) => passedOver !== undefined),
    failed: of(({ failure }) => failure !== undefined),
  };
}

/** The reasons for which something was not run, with how often. */
function reasons(cells: readonly Cell[]): string[] {
  const times = new Map<string, number>();
  for (const { isolation, passedOver, failure } of cells) {
    const reason = passedOver ?? (failure && `failed: ${failure}`);
    if (reason)
      times.set(`${isolation.name}: ${reason}`, (times.get(`${isolation.name}: ${reason}`) ?? 0) + 1);
  }
  return [...times].map(([reason, count]) => `${count} not run in ${printable(reason)}\n`);
}

export function table(isolations: readonly Isolation[], cells: readonly Cell[]): string {
  const names = [...new Set(cells.map(({ attack }) => attack.name))];
  const at = new Map(cells.map((cell) => [`${cell.attack.name} ${cell.isolation.name}`, cell]));
  const rows = [
    ['attack', ...isolations.map(({ name }) => name)],
    ...names.map((name) => [
      name,
      ...isolations.map((isolation) => {
        const cell = at.get(`${name} ${isolation.name}`);
        return cell ? cellText(cell) : '-';
      }),
    ]),
  ];
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  const lines = rows.map((row) =>
    row
      .map((text, column) => text.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  const sums = isolations.map((isolation) => {
    const sum = counts(cells.filter((cell) => cell.isolation === isolation));
    const version = isolation.version ? ` (${printable(isolation.version)})` : '';
    const unclear = sum.inconclusive > 0 ? `, ${sum.inconclusive} inconclusive` : '';
    return `${isolation.name}${version}: ${sum.stopped} stopped, ${sum.worked} worked, ${sum.notRun} not run, ${sum.failed} failed${unclear}\n`;
  });
  const open = cells.flatMap(({ attack, isolation, verdict }) => {
    if (!verdict || !isolation.name.startsWith('barchan:')) return [];
    const what = [...holes(isolation, attack, verdict), ...verdict.reached].map(printable).join(', ');
    return what ? [`${attack.name} in ${isolation.name}: ${what}\n`] : [];
  });
  const unclear = cells.flatMap((cell) => {
    const why = inconclusive(cell);
    return why ? [`${cell.attack.name} in ${cell.isolation.name} is inconclusive: ${printable(why)}\n`] : [];
  });
  const below = [...sums, ...reasons(cells), ...unclear, ...open];
  return `${lines.join('\n')}\n\n${below.join('')}`;
}
