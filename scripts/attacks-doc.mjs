// Writes docs/attacks.md: the table of the corpus, from what each attack says of itself, and with --compare FILE the comparison of
// isolations, from what `barchan harness run --json` printed. With --check it only compares the former.
import { readFileSync, writeFileSync } from 'node:fs';
import { release } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { attacks, layers } from '../dist/harness/metadata.js';

const file = join(dirname(dirname(fileURLToPath(import.meta.url))), 'docs/attacks.md');

/** @param {import('../dist/harness/metadata.js').Control} control */
function shown(control) {
  if (control.kind === 'native') return 'works natively';
  if (control.kind === 'none') return control.reason;
  return `works with \`${JSON.stringify(control.options)}\``;
}

/** @param {string} text */
const cell = (text) => text.replaceAll('|', '\\|');

const all = attacks();
const lines = [
  '# Attacks',
  '',
  'Generated from `corpus/` by `node scripts/attacks-doc.mjs`. Each program tries something that must not work, under options',
  'where the layer named has to stop it; the control is the same program where that layer is away. After each, the host, Node.js',
  'and another sandbox are shown to be as they were (`test/security/corpus.test.ts`). How to write one:',
  '[corpus/README.md](../corpus/README.md).',
  '',
  `${all.length} attacks: ${layers
    .map((layer) => [layer, all.filter(({ stoppedBy }) => stoppedBy === layer).length])
    .filter(([, count]) => count !== 0)
    .map(([layer, count]) => `${count} ${layer}`)
    .join(', ')}.`,
  '',
  '| Attack | Tries | Technique, weakness | Stopped by | Control |',
  '|---|---|---|---|---|',
  ...all.map(
    (attack) =>
      `| ${attack.name} | ${cell(attack.summary)} | ${[attack.technique, attack.weakness, attack.cve].filter(Boolean).join(', ')} | ${attack.stoppedBy} | ${cell(shown(attack.control))} |`,
  ),
];
const title = '## Comparison of isolations';

/** Shown of an attack in an isolation. @param {any} result @param {string} attack @param {string} isolation */
function outcome(result, attack, isolation) {
  const same = (/** @type {any} */ entry) => entry.attack === attack && entry.isolation === isolation;
  if (result.failed.some(same)) return 'failed';
  const verdict = result.verdicts.find(
    (/** @type {any} */ each) => each.sample.name === attack && each.isolation === isolation,
  );
  if (!verdict) return '-';
  const worked = verdict.attempts.filter(
    (/** @type {any} */ attempt) => attempt.stopped === undefined,
  ).length;
  if (verdict.contained === true && worked > 0) return `${worked} of ${verdict.attempts.length} permitted`;
  if (worked > 0) return `**${worked} of ${verdict.attempts.length}**`;
  if (verdict.contained === false) return '**reached the host**';
  if (verdict.stoppedBy) return verdict.stoppedBy;
  if (verdict.exit.timedOut) return 'timed out';
  return result.inconclusive.some(same) ? 'inconclusive' : 'stopped';
}

/** The section, from the JSON of a comparison. @param {any} result */
function comparison(result) {
  const names = result.isolations.map((/** @type {any} */ { name }) => name);
  const present = new Set([
    ...result.verdicts.map((/** @type {any} */ { sample }) => sample.name),
    ...[...result.passedOver, ...result.failed].map((/** @type {any} */ { attack }) => attack),
  ]);
  const chosen = all.filter(({ name }) => present.has(name));
  const rows = chosen.map(({ name }) => [
    name,
    ...names.map((/** @type {string} */ one) => outcome(result, name, one)),
  ]);
  const count = (/** @type {number} */ column, /** @type {(text: string) => boolean} */ fits) =>
    rows.filter((row) => fits(row[column])).length;
  const sums = [
    [
      'stopped or permitted',
      (/** @type {string} */ text) => !/^(\*|-$|failed|timed out|inconclusive)/.test(text),
    ],
    ['worked, in part or whole', (/** @type {string} */ text) => text.startsWith('*')],
    [
      'not run, not to its end, or inconclusive',
      (/** @type {string} */ text) => /^(-$|failed|timed out|inconclusive)/.test(text),
    ],
  ].map(([label, fits]) => [
    `**${label}**`,
    ...names.map((_, column) => count(column + 1, /** @type {any} */ (fits))),
  ]);
  return [
    title,
    '',
    `What \`barchan harness run --json ${names.map((/** @type {string} */ name) => `--against ${name}`).join(' ')}\` printed, put here by`,
    `\`node scripts/attacks-doc.mjs --compare FILE\`, for ${chosen.length} of the attacks. A bold cell is how many`,
    'attempts worked; for barchan the layer that was met first is named, and "permitted" is what a profile lets through by decision; "-" was',
    'not run, and what is "inconclusive" could not do what has to work, and so shows nothing. Natively only what is safe is run, and most of',
    'it is meant to work there. Peers run as docker makes containers (its seccomp profile, capabilities, masked paths), bubblewrap with every',
    "namespace, no capabilities and no filter; all show the host's files to read only. For the attacks of `landlock/` the judge leaves a",
    'folder of the host open, as CVE-2024-21626 did, and those of `policy/` are about rules that the peers were not given: what works there',
    'is no defect of theirs.',
    '',
    `Versions: ${result.isolations
      .map((/** @type {any} */ { name, version, missing }) => `${name}: ${version ?? missing ?? 'the host'}`)
      .join('; ')}; Linux ${release()}.`,
    '',
    `| Attack | ${names.join(' | ')} |`,
    `|---|${names.map(() => '---|').join('')}`,
    ...[...rows, ...sums].map((row) => `| ${row.join(' | ')} |`),
  ].join('\n');
}

const args = process.argv.slice(2);
const before = readFileSync(file, 'utf8');
const listing = lines.join('\n');
const from = args.indexOf('--compare');
const kept = before.includes(title) ? before.slice(before.indexOf(title)).trimEnd() : undefined;
const section = from < 0 ? kept : comparison(JSON.parse(readFileSync(args[from + 1], 'utf8')));
const text = `${[listing, section].filter((part) => part !== undefined).join('\n\n')}\n`;
if (!args.includes('--check')) {
  writeFileSync(file, text);
} else if (before !== text) {
  console.error('docs/attacks.md is not what corpus/ says: run node scripts/attacks-doc.mjs');
  process.exitCode = 1;
}
