/** What was measured, as Markdown. */

/** @param {number | undefined} value */
export const short = (value) => {
  if (value === undefined || !Number.isFinite(value)) return '';
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString('en');
  return String(Number(value.toPrecision(3)));
};

/**
 * @typedef {object} Result
 * @property {string} group
 * @property {string} name
 * @property {string} unit
 * @property {boolean} more  more is better
 * @property {number} [target]  of the ratio to native: at most, or at least where more is better
 * @property {number} [most]  of the difference to native, at most
 * @property {string} [of]  the way that the target is about
 * @property {string} [series]  the plot of which this is a point, and where
 * @property {number} [at]
 * @property {Record<string, import('./measure.mjs').Figure>} figures
 * @property {Record<string, string>} failed
 *
 * @typedef {{ name: string, why: string }} Skipped
 * @typedef {{ version: number, machine: Record<string, unknown>, results: Result[], skipped: Skipped[] }} Measured
 */

/** Ratio to native of the way that the target is about. @param {Result} result */
export function ratio({ figures, of }) {
  const native = figures.native?.median;
  const ours = figures[of ?? 'barchan']?.median;
  return native !== undefined && ours !== undefined ? ours / native : undefined;
}

/** @param {Result} result */
export function met(result) {
  const { figures, more, most, of, target } = result;
  if (most !== undefined) {
    const [native, ours] = [figures.native?.median, figures[of ?? 'barchan']?.median];
    return native !== undefined && ours !== undefined ? ours - native <= most : undefined;
  }
  const value = ratio(result);
  if (value === undefined || target === undefined) return undefined;
  return more ? value >= target : value <= target;
}

/** @param {Result} result */
function goal({ more, most, target }) {
  if (most !== undefined) return `at most ${most} more`;
  if (target === undefined) return '';
  return `at ${more ? 'least' : 'most'} ${short(target)}`;
}

/** The table of one group. @param {readonly Result[]} rows */
export function table(rows) {
  const ways = [...new Set(rows.flatMap((row) => Object.keys(row.figures)))];
  const lines = [
    `| | ${ways.join(' | ')} | to native | asked |`,
    `|---|${ways.map(() => '---:|').join('')}---:|---|`,
  ];
  for (const row of rows) {
    const cells = ways.map((way) => {
      const f = row.figures[way];
      if (f) return `${short(f.median)} (${short(f.low)} to ${short(f.high)})`;
      return row.failed[way] === undefined ? '' : 'failed';
    });
    const mark = { true: ', met', false: ', **not met**' }[String(met(row))] ?? '';
    const name = `${row.name}${row.unit ? `, ${row.unit}` : ''}`;
    lines.push(`| ${name} | ${cells.join(' | ')} | ${short(ratio(row))} | ${goal(row)}${mark} |`);
  }
  return lines;
}

/** What was measured on. @param {Record<string, unknown>} machine */
export const facts = (machine) => Object.entries(machine).map(([name, value]) => `- ${name}: ${value}`);

/** @param {Measured} measured */
export function omissions({ results, skipped }) {
  const failures = results.flatMap(({ name, failed }) =>
    Object.entries(failed).map(([way, why]) => `- ${name}, ${way}: ${why.replaceAll('\n', ' ')}`),
  );
  return [
    ...(failures.length > 0 ? ['', `${failures.length} failed:`, '', ...failures] : []),
    ...(skipped.length > 0
      ? ['', `${skipped.length} skipped:`, '', ...skipped.map(({ name, why }) => `- ${name}: ${why}`)]
      : []),
  ];
}

/** @param {Measured} measured */
export function markdown(measured) {
  const { machine, results } = measured;
  const lines = ['# Measured', '', ...facts(machine)];
  for (const group of new Set(results.map((result) => result.group)))
    lines.push('', `## ${group}`, '', ...table(results.filter((result) => result.group === group)));
  return `${[...lines, ...omissions(measured)].join('\n')}\n`;
}
