#!/usr/bin/env node
/**
 * What the smallest operations cost under Barchan, against native: each bench/micro/*.c natively and under `barchan run`,
 * A B A B, medians and their ratio. Usage: node bench/micro.mjs [--rounds N] [--json] [NAME...]
 * BARCHAN_RING and BARCHAN_PATCH choose the paths (docs/performance.md).
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const sources = join(root, 'bench/micro');
const { values, positionals } = parseArgs({
  options: { rounds: { type: 'string', default: '7' }, json: { type: 'boolean', default: false } },
  allowPositionals: true,
});
const rounds = Number(values.rounds);
const names = readdirSync(sources)
  .filter((name) => name.endsWith('.c'))
  .map((name) => basename(name, '.c'))
  .filter((name) => positionals.length === 0 || positionals.includes(name));

/** @param {number[]} numbers */
const median = (numbers) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1] ?? Number.NaN;

const folder = mkdtempSync(join(tmpdir(), 'barchan-bench-'));
const results = [];
try {
  for (const name of names) {
    const program = join(folder, name);
    execFileSync('cc', ['-O2', '-std=gnu17', '-o', program, join(sources, `${name}.c`)]);
    /** @type {[string, string[]][]} */
    const ways = [
      [program, []],
      [process.execPath, [join(root, 'dist/cli/main.js'), 'run', '--', program]],
    ];
    /** @type {number[][]} */
    const times = [[], []];
    for (let round = 0; round < rounds; round++) {
      for (const [i, [file, args]] of ways.entries()) {
        times[i]?.push(Number(execFileSync(file, args, { encoding: 'utf8', timeout: 60_000 })));
      }
    }
    const [native, barchan] = times.map(median);
    results.push({ name, native, barchan, ratio: Number(((barchan ?? 0) / (native ?? 1)).toFixed(2)) });
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
if (values.json) {
  console.log(JSON.stringify({ unit: 'ns', rounds, results }));
} else {
  console.log('case       native ns   barchan ns   ratio');
  for (const { name, native, barchan, ratio } of results) {
    console.log(
      `${name.padEnd(9)} ${String(native).padStart(11)} ${String(barchan).padStart(12)} ${ratio.toFixed(2).padStart(7)}`,
    );
  }
}
