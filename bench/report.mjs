/** What was measured, as a Markdown table and as bars in SVG. */

/** @param {number | undefined} value */
const short = (value) => {
  if (value === undefined || !Number.isFinite(value)) return '';
  if (value >= 1000) return Math.round(value).toLocaleString('en');
  return value.toPrecision(3).replace(/\.?0+$/, '');
};

/**
 * @typedef {object} Result
 * @property {string} group
 * @property {string} name
 * @property {string} unit
 * @property {boolean} more  more is better
 * @property {number} [target]  of the ratio to native: at most, or at least where more is better
 * @property {string} [of]  the way that the target is about
 * @property {Record<string, import('./measure.mjs').Figure>} figures
 * @property {Record<string, string>} failed
 */

/** Ratio to native of the way that the target is about. @param {Result} result */
export function ratio({ figures, of }) {
  const native = figures.native?.median;
  const ours = figures[of ?? 'barchan']?.median;
  return native !== undefined && ours !== undefined ? ours / native : undefined;
}

/** @param {Result} result */
export function met(result) {
  const value = ratio(result);
  if (value === undefined || result.target === undefined) return undefined;
  return result.more ? value >= result.target : value <= result.target;
}

/** @param {Result[]} results @param {Record<string, unknown>} machine */
export function markdown(results, machine) {
  const lines = ['# Measured', '', ...Object.entries(machine).map(([name, value]) => `- ${name}: ${value}`)];
  for (const group of new Set(results.map((result) => result.group))) {
    const rows = results.filter((result) => result.group === group);
    const ways = [...new Set(rows.flatMap((row) => Object.keys(row.figures)))];
    lines.push('', `## ${group}`, '');
    lines.push(`| | ${ways.join(' | ')} | to native | at ${rows[0]?.more ? 'least' : 'most'} |`);
    lines.push(`|---|${ways.map(() => '---:|').join('')}---:|---:|`);
    for (const row of rows) {
      const cells = ways.map((way) => {
        const f = row.figures[way];
        if (f) return `${short(f.median)} (${short(f.low)} to ${short(f.high)})`;
        return row.failed[way] ? 'failed' : '';
      });
      const mark = { true: ' (met)', false: ' (not met)' }[String(met(row))] ?? '';
      const name = `${row.name}${row.unit ? `, ${row.unit}` : ''}`;
      lines.push(`| ${name} | ${cells.join(' | ')} | ${short(ratio(row))}${mark} | ${row.target ?? ''} |`);
    }
  }
  const failures = results.flatMap(({ name, failed }) =>
    Object.entries(failed).map(([way, why]) => `- ${name}, ${way}: ${why.replaceAll('\n', ' ')}`),
  );
  if (failures.length > 0) lines.push('', '## Failed', '', ...failures);
  return `${lines.join('\n')}\n`;
}

/** @param {string} text */
const quoted = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');

/** One picture of a group: bars of the medians in parts of native, with the quartiles. @param {Result[]} rows */
export function svg(rows) {
  const width = 900;
  const left = 300;
  const bar = 14;
  const colours = ['#8a8f98', '#c2571a', '#e0a030', '#3b7dd8', '#4f9d69', '#8457b3', '#b33f62', '#5b6770'];
  const ways = [...new Set(rows.flatMap((row) => Object.keys(row.figures)))];
  const bars = rows.flatMap((row) => {
    const base = row.figures.native?.median ?? 1;
    return ways
      .filter((way) => row.figures[way])
      .map((way) => {
        const f = /** @type {import('./measure.mjs').Figure} */ (row.figures[way]);
        return { row, way, value: f.median / base, low: f.low / base, high: f.high / base };
      });
  });
  const most = Math.max(1, ...bars.map(({ high }) => high));
  const scale = (/** @type {number} */ value) => (value / most) * (width - left - 90);
  const parts = [];
  let y = 34;
  let last = '';
  for (const { row, way, value, low, high } of bars) {
    if (row.name !== last) {
      y += 10;
      parts.push(`<text x="${left - 8}" y="${y + 11}" text-anchor="end">${quoted(row.name)}</text>`);
      last = row.name;
    }
    const colour = colours[ways.indexOf(way) % colours.length];
    parts.push(
      `<rect x="${left}" y="${y}" width="${Math.max(1, scale(value)).toFixed(1)}" height="${bar - 2}" fill="${colour}"/>`,
      `<line x1="${(left + scale(low)).toFixed(1)}" x2="${(left + scale(high)).toFixed(1)}" y1="${y + 6}" y2="${y + 6}" stroke="#000"/>`,
      `<text x="${(left + scale(Math.max(value, high)) + 5).toFixed(1)}" y="${y + 11}">${short(value)}</text>`,
    );
    y += bar;
  }
  const legend = ways.map(
    (way, i) =>
      `<rect x="${10 + (i % 4) * 220}" y="${6 + Math.floor(i / 4) * 14}" width="10" height="10" fill="${colours[i % colours.length]}"/>` +
      `<text x="${24 + (i % 4) * 220}" y="${15 + Math.floor(i / 4) * 14}">${quoted(way)}</text>`,
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${y + 14}" font-family="sans-serif" font-size="11">
<rect width="100%" height="100%" fill="#fff"/>
${[...legend, ...parts].join('\n')}
</svg>
`;
}
