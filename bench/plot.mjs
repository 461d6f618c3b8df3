/** What was measured, as pictures: bars beside native for what is one number, lines for what grows. */
import { short } from './report.mjs';

/** @typedef {import('./report.mjs').Result} Result */

const colours = ['#8a8f98', '#c2571a', '#e0a030', '#3b7dd8', '#4f9d69', '#8457b3', '#b33f62', '#5b6770'];
const width = 900;

/** @param {string} text */
const quoted = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');

/** @param {readonly Result[]} rows */
const waysOf = (rows) => [...new Set(rows.flatMap((row) => Object.keys(row.figures)))];

/** @param {readonly string[]} ways */
const legend = (ways) =>
  ways.map(
    (way, i) =>
      `<rect x="${10 + (i % 4) * 220}" y="${26 + Math.floor(i / 4) * 15}" width="10" height="10" fill="${colours[i % colours.length]}"/>` +
      `<text x="${24 + (i % 4) * 220}" y="${35 + Math.floor(i / 4) * 15}">${quoted(way)}</text>`,
  );

/** @param {string} title @param {number} height @param {readonly string[]} parts */
const picture = (title, height, parts) =>
  `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="11">
<title>${quoted(title)}</title>
<rect width="100%" height="100%" fill="#fff"/>
<text x="10" y="16" font-size="13" font-weight="bold">${quoted(title)}</text>
${parts.join('\n')}
</svg>
`;

/** Bars of the medians in parts of native, with the quartiles; by the logarithm where they are far apart. @param {readonly Result[]} rows */
function bars(rows) {
  const left = 300;
  const thick = 14;
  const ways = waysOf(rows);
  const all = rows.flatMap((row) => {
    const base = row.figures.native?.median;
    if (base === undefined) return [];
    return ways
      .filter((way) => row.figures[way])
      .map((way) => {
        const f = /** @type {import('./measure.mjs').Figure} */ (row.figures[way]);
        return { row, way, value: f.median / base, low: f.low / base, high: f.high / base };
      });
  });
  const most = Math.max(1, ...all.map(({ high }) => high));
  const least = Math.min(1, ...all.map(({ low }) => low));
  const logarithmic = most / least > 30;
  const scale = (/** @type {number} */ value) => {
    const part = logarithmic
      ? Math.log(value / (least / 1.5)) / Math.log(most / (least / 1.5))
      : value / most;
    return Math.max(1, part * (width - left - 90));
  };
  const parts = legend(ways);
  let y = 30 + Math.ceil(ways.length / 4) * 15;
  const top = y;
  let last = '';
  for (const { row, way, value, low, high } of all) {
    if (row.name !== last) {
      y += 10;
      parts.push(`<text x="${left - 8}" y="${y + 11}" text-anchor="end">${quoted(row.name)}</text>`);
      last = row.name;
    }
    const colour = colours[ways.indexOf(way) % colours.length];
    parts.push(
      `<rect x="${left}" y="${y}" width="${scale(value).toFixed(1)}" height="${thick - 2}" fill="${colour}"/>`,
      `<line x1="${(left + scale(low)).toFixed(1)}" x2="${(left + scale(high)).toFixed(1)}" y1="${y + 6}" y2="${y + 6}" stroke="#000"/>`,
      `<text x="${(left + scale(Math.max(value, high)) + 5).toFixed(1)}" y="${y + 11}">${short(value)}</text>`,
    );
    y += thick;
  }
  const one = (left + scale(1)).toFixed(1);
  parts.push(`<line x1="${one}" x2="${one}" y1="${top}" y2="${y}" stroke="#000" stroke-dasharray="2 3"/>`);
  const better = rows[0]?.more ? 'more is better' : 'less is better';
  const title = `${rows[0]?.group}: times native, ${better}${logarithmic ? '; logarithmic' : ''}`;
  return picture(title, y + 14, parts);
}

/** @param {number} from @param {number} to both above 0 @returns {number[]} */
function ticks(from, to) {
  const found = [];
  for (let power = Math.floor(Math.log10(from)); power <= Math.ceil(Math.log10(to)); power++)
    for (const digit of [1, 2, 5]) {
      const value = digit * 10 ** power;
      if (value >= from * 0.999 && value <= to * 1.001) found.push(value);
    }
  return found;
}

/** Lines of the medians over what grows, both by the logarithm. @param {readonly Result[]} rows */
function lines(rows) {
  const [left, right, height] = [70, width - 30, 360];
  const ways = waysOf(rows);
  const top = 40 + Math.ceil(ways.length / 4) * 15;
  const bottom = top + height;
  const points = ways.map((way) =>
    rows
      .filter((row) => row.at !== undefined && (row.figures[way]?.median ?? 0) > 0)
      .map((row) => ({
        at: /** @type {number} */ (row.at),
        value: /** @type {number} */ (row.figures[way]?.median),
      })),
  );
  const values = points.flat().map(({ value }) => value);
  const places = points.flat().map(({ at }) => at);
  if (values.length === 0) return picture(`${rows[0]?.series}: nothing measured`, 60, []);
  const [low, high] = [Math.min(...values) / 1.3, Math.max(...values) * 1.3];
  const [begin, end] = [Math.min(...places), Math.max(...places)];
  const x = (/** @type {number} */ at) =>
    begin === end ? left : left + (Math.log(at / begin) / Math.log(end / begin)) * (right - left);
  const y = (/** @type {number} */ value) => bottom - (Math.log(value / low) / Math.log(high / low)) * height;
  const parts = legend(ways);
  for (const value of ticks(low, high))
    parts.push(
      `<line x1="${left}" x2="${right}" y1="${y(value).toFixed(1)}" y2="${y(value).toFixed(1)}" stroke="#ddd"/>`,
      `<text x="${left - 6}" y="${(y(value) + 4).toFixed(1)}" text-anchor="end">${short(value)}</text>`,
    );
  for (const at of new Set(places))
    parts.push(`<text x="${x(at).toFixed(1)}" y="${bottom + 16}" text-anchor="middle">${at}</text>`);
  parts.push(
    `<rect x="${left}" y="${top}" width="${right - left}" height="${height}" fill="none" stroke="#888"/>`,
  );
  points.forEach((line, i) => {
    const colour = colours[i % colours.length];
    const path = line.map(({ at, value }) => `${x(at).toFixed(1)},${y(value).toFixed(1)}`).join(' ');
    parts.push(`<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="2"/>`);
    for (const { at, value } of line)
      parts.push(`<circle cx="${x(at).toFixed(1)}" cy="${y(value).toFixed(1)}" r="3" fill="${colour}"/>`);
  });
  return picture(`${rows[0]?.series}, ${rows[0]?.unit}`, bottom + 30, parts);
}

/** @param {string} text */
const fileName = (text) => `${text.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')}.svg`;

/** All pictures, by the name of the file. @param {readonly Result[]} results @returns {Map<string, string>} */
export function plots(results) {
  /** @type {Map<string, string>} */
  const found = new Map();
  const flat = results.filter(({ series }) => series === undefined);
  for (const group of new Set(flat.map((result) => result.group))) {
    const rows = flat.filter((result) => result.group === group);
    for (const more of new Set(rows.map((row) => row.more)))
      found.set(
        fileName(more && rows.some((row) => !row.more) ? `${group} throughput` : group),
        bars(rows.filter((row) => row.more === more)),
      );
  }
  for (const series of new Set(results.flatMap((result) => result.series ?? [])))
    found.set(fileName(series), lines(results.filter((result) => result.series === series)));
  return found;
}
