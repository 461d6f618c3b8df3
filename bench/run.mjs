#!/usr/bin/env node
/**
 * Measures Barchan against native and against every other isolation that is installed, in one run.
 * Usage: npm run bench -- [--rounds N] [--out FOLDER] [--docs] [--check] [GROUP or PART OF A CASE'S NAME]...
 * Writes bench.json, bench.md and plots to FOLDER (default: build/bench). With --docs these and docs/performance.md are put in
 * the documentation, as node scripts/performance-doc.mjs FOLDER does. With --check the status is 1 when a target is missed.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { apart, machine } from './machine.mjs';
import { missingPeers, root } from './peers.mjs';
import { plots } from './plot.mjs';
import { markdown, met, ratio } from './report.mjs';

const { values, positionals } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    out: { type: 'string', default: join(root, 'build/bench') },
    docs: { type: 'boolean', default: false },
    check: { type: 'boolean', default: false },
  },
  allowPositionals: true,
});
const rounds = Number(values.rounds);
if (!Number.isSafeInteger(rounds) || rounds < 1) {
  console.error(`bench: --rounds ${values.rounds}: give a whole number from 1 on`);
  process.exit(2);
}
apart();
const begin = performance.now();
const facts = await machine(rounds);
const suites = await Promise.all(
  ['micro', 'start', 'tools', 'servers', 'scale'].map((name) => import(`./cases/${name}.mjs`)),
);

/** @type {import('./report.mjs').Result[]} */
const results = [];
/** What was not measured, and why. @type {import('./report.mjs').Skipped[]} */
const skipped = [...missingPeers].map(([name, why]) => ({ name: `everything under ${name}`, why }));
for (const suite of suites) {
  /** @param {string} name */
  const only = (name) =>
    positionals.length === 0 ||
    positionals.some((wanted) => suite.group.toLowerCase() === wanted.toLowerCase() || name.includes(wanted));
  for await (const { skipped: why, ...result } of suite.run({ rounds, only })) {
    if (why !== undefined) {
      skipped.push({ name: result.name, why });
      continue;
    }
    const row = { group: suite.group, unit: suite.unit, more: suite.more === true, ...result };
    results.push(row);
    const value = ratio(row);
    const shown = Object.entries(row.figures).map(([way, { median }]) => `${way} ${median.toPrecision(4)}`);
    const goal = { true: ', met', false: ', NOT met' }[String(met(row))] ?? '';
    console.log(
      `${row.name}${row.unit && ` (${row.unit})`}: ${shown.join(', ')}${value ? `; ${value.toFixed(2)} of native` : ''}${goal}`,
    );
    for (const [way, text] of Object.entries(row.failed)) console.log(`  ${way} failed: ${text}`);
  }
}

const all = { version: 2, machine: facts, results, skipped };
const out = /** @type {string} */ (values.out);
mkdirSync(out, { recursive: true });
writeFileSync(join(out, 'bench.json'), `${JSON.stringify(all, null, 2)}\n`);
writeFileSync(join(out, 'bench.md'), markdown(all));
for (const [name, text] of plots(results)) writeFileSync(join(out, name), text);
for (const { name, why } of skipped) console.log(`skipped: ${name}: ${why}`);
const missed = results.filter((result) => met(result) === false);
const failures = results.reduce((sum, { failed }) => sum + Object.keys(failed).length, 0);
console.log(
  `${results.length} cases in ${Math.round((performance.now() - begin) / 1000)} s, ${missed.length} targets missed, ` +
    `${failures} ways failed, ${skipped.length} skipped; see ${out}`,
);
if (values.docs) {
  const { status } = spawnSync(process.execPath, [join(root, 'scripts/performance-doc.mjs'), out], {
    stdio: 'inherit',
  });
  process.exitCode = status ?? 1;
}
if (values.check && missed.length > 0) process.exitCode = 1;
