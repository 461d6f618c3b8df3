#!/usr/bin/env node
/**
 * Measures Barchan against native and against every other isolation that is installed, in one run.
 * Usage: npm run bench -- [--rounds N] [--out FOLDER] [--check] [GROUP or PART OF A CASE'S NAME]...
 * Writes bench.json, bench.md and an SVG for each group to FOLDER (default: build/bench). With --check the status is 1
 * when a target is missed.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { doctor } from '../dist/index.js';
import * as micro from './cases/micro.mjs';
import * as scale from './cases/scale.mjs';
import * as servers from './cases/servers.mjs';
import * as start from './cases/start.mjs';
import * as tools from './cases/tools.mjs';
import { peerVersions, root } from './peers.mjs';
import { markdown, met, ratio, svg } from './report.mjs';

const { values, positionals } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    out: { type: 'string', default: join(root, 'build/bench') },
    check: { type: 'boolean', default: false },
  },
  allowPositionals: true,
});
const rounds = Number(values.rounds);
if (!Number.isSafeInteger(rounds) || rounds < 1) {
  console.error(`bench: --rounds ${values.rounds}: give a whole number from 1 on`);
  process.exit(2);
}

const report = await doctor();
const machine = {
  processor: cpus()[0]?.model,
  cores: availableParallelism(),
  memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
  kernel: release(),
  load: loadavg()
    .map((value) => value.toFixed(1))
    .join(' '),
  kvm: report.checks.map(({ name, found }) => `${name}: ${found}`).join('; '),
  ...peerVersions(),
  barchan: JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version,
  date: new Date().toISOString(),
  rounds,
};

/** @type {import('./report.mjs').Result[]} */
const results = [];
for (const suite of [micro, start, tools, servers, scale]) {
  /** @param {string} name */
  const only = (name) =>
    positionals.length === 0 ||
    positionals.some((wanted) => suite.group.toLowerCase() === wanted.toLowerCase() || name.includes(wanted));
  for await (const result of suite.run({ rounds, only })) {
    const row = {
      group: suite.group,
      unit: suite.unit,
      more: 'more' in suite && suite.more === true,
      ...result,
    };
    results.push(row);
    const value = ratio(row);
    const shown = Object.entries(row.figures).map(([way, { median }]) => `${way} ${median.toPrecision(4)}`);
    const goal = { true: ', met', false: ', NOT met' }[String(met(row))] ?? '';
    console.log(
      `${row.name} (${row.unit}): ${shown.join(', ')}${value ? `; ${value.toFixed(2)} of native${goal}` : ''}`,
    );
    for (const [way, why] of Object.entries(row.failed)) console.log(`  ${way} failed: ${why}`);
  }
}

const out = /** @type {string} */ (values.out);
mkdirSync(out, { recursive: true });
writeFileSync(join(out, 'bench.json'), `${JSON.stringify({ version: 1, machine, results }, null, 2)}\n`);
writeFileSync(join(out, 'bench.md'), markdown(results, machine));
for (const group of new Set(results.map((result) => result.group))) {
  const file = `${group.toLowerCase().replaceAll(' ', '-')}.svg`;
  writeFileSync(join(out, file), svg(results.filter((result) => result.group === group)));
}
const missed = results.filter((result) => met(result) === false);
console.log(`${results.length} cases, ${missed.length} targets missed; see ${out}`);
if (values.check && missed.length > 0) process.exitCode = 1;
