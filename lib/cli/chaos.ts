/** barchan chaos */
import { openSync, readFileSync, writeFileSync } from 'node:fs';
import { Chaos, type ChaosDescription } from '../chaos.js';
import { ChaosCounter, type ChaosReport, exitText } from '../chaos-report.js';
import { asciiJson, printable } from '../printable.js';
import type { ProcessExit } from '../process.js';
import type { Sandbox } from '../sandbox.js';
import { parseRule, ruleText, withPreset } from './chaos-rules.js';
import { imageProgram, launchOptions, sandboxOptions, spawnOptions } from './launch-options.js';
import { complain, print } from './output.js';
import { statuses } from './status.js';
import { splitCommand, usageError } from './usage.js';

const chaosOptions = {
  ...launchOptions,
  seed: { type: 'string' },
  rule: { type: 'string', multiple: true },
  preset: { type: 'string', multiple: true },
  rules: { type: 'string' },
  runs: { type: 'string' },
  json: { type: 'boolean' },
  output: { type: 'string', short: 'o' },
} as const;

const mostRuns = 1_000_000;

function wholeNumber(name: string, text: string, least: number, most: number): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= least && value <= most)) {
    usageError(
      `chaos: --${name} must be a whole number from ${least} to ${most}, not ${JSON.stringify(text)}`,
      'Try: barchan help chaos',
    );
  }
  return value;
}

function rulesOf(file: string): ChaosDescription['rules'] {
  try {
    return JSON.parse(readFileSync(file, 'utf8')).rules;
  } catch (error) {
    return usageError(
      `chaos: cannot read --rules ${file}: ${(error as Error).message}`,
      'Try: barchan help chaos',
    );
  }
}

function chaosOf(values: { seed?: string; rule?: string[]; preset?: string[]; rules?: string }): Chaos {
  const seed =
    values.seed === undefined ? {} : { seed: wholeNumber('seed', values.seed, 0, Number.MAX_SAFE_INTEGER) };
  let chaos = new Chaos({ ...seed, ...(values.rules === undefined ? {} : { rules: rulesOf(values.rules) }) });
  for (const text of values.rule ?? []) {
    const { seed, rules } = chaos.toJSON();
    chaos = Chaos.from({ seed, rules: [...rules, parseRule(text)] });
  }
  for (const text of values.preset ?? []) chaos = withPreset(chaos, text);
  if (chaos.toJSON().rules.length === 0)
    usageError('chaos: no rule was given', 'Try: barchan chaos --preset eintr -- PROGRAM');
  return chaos;
}

function reportText(report: ChaosReport): string {
  const lines = [`seed ${report.seed}: ${report.injected} faults injected, ${exitText(report.exit)}`];
  for (const { rule, hits, calls } of report.rules) {
    const counts = Object.entries(calls).map(([name, count]) => `${name} ${count}`);
    lines.push(
      `${String(hits).padStart(7)}  ${ruleText(rule)}${counts.length > 0 ? ` (${counts.join(', ')})` : ''}`,
    );
  }
  if (report.missing > 0) lines.push(`INCOMPLETE: ${report.missing} were not told of`);
  return `${lines.map((line) => `barchan: chaos: ${printable(line)}`).join('\n')}\n`;
}

export async function main(args: string[]): Promise<void> {
  const { values, command } = splitCommand('chaos', args, chaosOptions);
  if (values.help) {
    const { help } = await import('./help.js');
    print(help('chaos'));
    return;
  }
  if (command.length === 0 && values.image === undefined)
    usageError('chaos: no program was given', 'Try: barchan chaos --preset eintr -- ls');
  const chaos = chaosOf(values);
  const runs = values.runs === undefined ? undefined : wholeNumber('runs', values.runs, 1, mostRuns);
  let output = 2;
  if (values.output !== undefined) {
    try {
      output = openSync(values.output, 'w');
    } catch (error) {
      complain(`chaos: cannot write to --output ${values.output}: ${(error as Error).message}`);
      process.exit(statuses.failure);
    }
  }
  const options = { ...spawnOptions('chaos', values), keepBackground: false };
  const sandbox = await sandboxOptions('chaos', values);
  const ofImage = imageProgram('chaos', values, command);
  if (runs !== undefined) {
    const { search } = await import('./chaos-search.js');
    const given = args.slice(0, args.length - command.length);
    process.exitCode = await search({
      chaos,
      runs,
      given,
      command,
      options,
      sandbox,
      ofImage,
      output,
      json: values.json,
    });
    return;
  }
  const counter = new ChaosCounter(chaos.toJSON());
  const { runInForeground } = await import('./foreground.js');
  await runInForeground(
    command,
    options,
    { ...sandbox, chaos, events: { slots: 4096, backpressure: 'block' } },
    ofImage,
    {
      begin(box: Sandbox): void {
        box.on('injection', (event) => counter.take(event));
      },
      async end(box: Sandbox, exit: ProcessExit): Promise<void> {
        const { dropped, lost, malformed } = box.eventCounters;
        const report = counter.report(command, exit, dropped + lost + malformed);
        writeFileSync(output, values.json ? asciiJson(report) : reportText(report));
      },
    },
  );
}
