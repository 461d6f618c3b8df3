// Puts what `npm run bench` has measured into docs/performance.md, between its marks, and its plots into docs/performance/.
// Usage: node scripts/performance-doc.mjs FOLDER, where FOLDER is what --out of the bench was.
// With --check it compares the file with docs/performance/bench.json, which the last use left there.
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { plots } from '../bench/plot.mjs';
import { facts, omissions, table } from '../bench/report.mjs';

const docs = join(dirname(dirname(fileURLToPath(import.meta.url))), 'docs');
const page = join(docs, 'performance.md');
const kept = join(docs, 'performance');
const begin = '<!-- measured: by scripts/performance-doc.mjs -->';
const end = '<!-- end of what was measured -->';

const args = process.argv.slice(2);
const check = args.includes('--check');
const [from] = args.filter((arg) => !arg.startsWith('--'));
if (!check && from === undefined) {
  console.error('usage: node scripts/performance-doc.mjs FOLDER | --check');
  process.exit(2);
}
const source = join(check ? kept : /** @type {string} */ (from), 'bench.json');
if (check && !existsSync(source)) {
  console.log('docs/performance.md holds nothing that npm run bench has measured');
  process.exit(0);
}
/** @type {import('../bench/report.mjs').Measured} */
const measured = JSON.parse(readFileSync(source, 'utf8'));
const { machine, results } = measured;
const pictures = plots(results);

/** The picture's place in the page: after the table that it shows. @param {readonly import('../bench/report.mjs').Result[]} rows */
const shown = (rows) =>
  [...plots(rows).keys()].map(
    (name) => `![${name.replace('.svg', '').replaceAll('-', ' ')}](performance/${name})`,
  );

const section = [
  begin,
  '',
  'Medians with the first and third quartile, of rounds in which each way takes its turn, on this machine:',
  '',
  ...facts(machine),
  ...[...new Set(results.map(({ group }) => group))].flatMap((group) => {
    const rows = results.filter((result) => result.group === group);
    return ['', `### ${group}`, '', ...table(rows), '', ...shown(rows)];
  }),
  ...omissions(measured),
  '',
  end,
].join('\n');

const before = readFileSync(page, 'utf8');
const [first, last] = [before.indexOf(begin), before.indexOf(end)];
if (first < 0 || last < first) {
  console.error(`docs/performance.md lacks its marks: ${begin} and ${end}`);
  process.exit(1);
}
const text = before.slice(0, first) + section + before.slice(last + end.length);

if (check) {
  const wrong = [...pictures].filter(
    ([name, picture]) => !existsSync(join(kept, name)) || readFileSync(join(kept, name), 'utf8') !== picture,
  );
  if (text !== before || wrong.length > 0) {
    console.error('docs/performance.md or its plots are not what docs/performance/bench.json says');
    process.exitCode = 1;
  }
} else {
  mkdirSync(kept, { recursive: true });
  for (const name of readdirSync(kept)) if (name.endsWith('.svg')) rmSync(join(kept, name));
  copyFileSync(source, join(kept, 'bench.json'));
  for (const [name, picture] of pictures) writeFileSync(join(kept, name), picture);
  writeFileSync(page, text);
}
