/** barchan harness */
import { resolve } from 'node:path';
import type { Isolation } from '../harness/isolation.js';
import type { Attack } from '../harness/metadata.js';
import { onInterrupt } from './interrupt.js';
import { complain, print } from './output.js';
import { splitCommand, usageError } from './usage.js';

const options = {
  against: { type: 'string', multiple: true },
  jobs: { type: 'string' },
  json: { type: 'boolean' },
  report: { type: 'string', multiple: true },
  corpus: { type: 'string' },
  quiet: { type: 'boolean', short: 'q' },
  help: { type: 'boolean', short: 'h' },
} as const;

type Values = ReturnType<typeof splitCommand<typeof options>>['values'];

const actions = { run, list, show } as const;
const hint = 'Try: barchan help harness';
const mostJobs = 16;

export async function main(args: string[]): Promise<void> {
  const [action = '', ...rest] = args;
  if (action === '--help' || action === '-h' || action === '') {
    const { help } = await import('./help.js');
    print(help('harness'));
    return;
  }
  if (!Object.hasOwn(actions, action))
    usageError(`harness: there is no ${JSON.stringify(action)}`, 'It is one of run, list and show.');
  const { values, command } = splitCommand('harness', optionsFirst(rest), options);
  if (values.help) return main(['--help']);
  await actions[action as keyof typeof actions](command, values);
}

/** Options may stand behind names as well. */
function optionsFirst(args: readonly string[]): string[] {
  const flags: string[] = [];
  const names: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const word = args[i] as string;
    if (word === '--') {
      names.push(...args.slice(i + 1));
      break;
    }
    if (!word.startsWith('-')) {
      names.push(word);
      continue;
    }
    flags.push(word);
    const takesValue = Object.entries(options).some(
      ([name, { type }]) => type === 'string' && word === `--${name}`,
    );
    if (takesValue && i + 1 < args.length) flags.push(args[++i] as string);
  }
  return [...flags, '--', ...names];
}

/** The corpus as far as one of `patterns` fits: a name, a family, or a glob with `*`. */
async function chosen(patterns: readonly string[], values: Values): Promise<Attack[]> {
  const { attacks } = await import('../harness/metadata.js');
  const all = attacks(values.corpus === undefined ? undefined : resolve(values.corpus));
  if (patterns.length === 0) return all;
  const fits = patterns.map((pattern) => {
    const words = pattern
      .replace(/\/$/, '')
      .split('*')
      .map((text) => text.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
    const shape = new RegExp(`^${words.join('.*')}(/.*)?$`);
    if (!all.some(({ name }) => shape.test(name)))
      usageError(`harness: no attack is called ${JSON.stringify(pattern)}`, 'See: barchan harness list');
    return shape;
  });
  return all.filter(({ name }) => fits.some((shape) => shape.test(name)));
}

async function isolations(names: readonly string[]): Promise<Isolation[]> {
  const { isolation, isolationNames } = await import('../harness/isolations.js');
  const found: Isolation[] = [];
  for (const name of names) {
    const one = isolation(name);
    if (!one)
      return usageError(
        `harness: there is no isolation ${JSON.stringify(name)}`,
        `Give one of ${isolationNames.join(', ')}.`,
      );
    if (!found.some((other) => other.name === one.name)) found.push(one);
  }
  return found;
}

function jobs(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^[1-9]\d*$/.test(text) || Number(text) > mostJobs)
    return usageError(
      `harness: --jobs cannot be ${JSON.stringify(text)}`,
      `Give a number from 1 to ${mostJobs}.`,
    );
  return Number(text);
}

async function list(names: readonly string[], values: Values): Promise<void> {
  const all = await chosen(names, values);
  if (values.json) return print(`${JSON.stringify(all, undefined, 2)}\n`);
  const width = Math.max(...all.map(({ name }) => name.length));
  print(
    all
      .map(({ name, stoppedBy, summary }) => `${name.padEnd(width)}  ${stoppedBy.padEnd(9)}  ${summary}\n`)
      .join(''),
  );
}

async function show(names: readonly string[], values: Values): Promise<void> {
  if (names.length === 0) usageError('harness show: no attack was named', hint);
  const { shownAttack } = await import('./harness-text.js');
  const all = await chosen(names, values);
  print(values.json ? `${JSON.stringify(all, undefined, 2)}\n` : all.map(shownAttack).join('\n'));
}

async function run(names: readonly string[], values: Values): Promise<void> {
  const [{ compare, comparison, holds }, { reportWriters }, { attackCache }, text] = await Promise.all([
    import('../harness/comparison.js'),
    import('./report-files.js'),
    import('../harness/sample.js'),
    import('./harness-text.js'),
  ]);
  const writers = reportWriters(values.report ?? [], (problem, remedy) =>
    usageError(`harness: ${problem}`, remedy),
  );
  const against = await isolations(values.against ?? ['barchan']);
  const many = jobs(values.jobs);
  const attacks = await chosen(names, values);
  const tell = values.quiet ? undefined : text.progress();
  for (const { name, missing } of against)
    if (missing && !values.quiet) complain(`harness: ${name} is passed over: ${missing}`);
  const interrupt = onInterrupt('harness');
  const cells = await compare({
    attacks,
    isolations: against,
    build: attackCache(),
    jobs: many,
    signal: interrupt.signal,
    progress: tell?.step,
  }).finally(() => {
    tell?.end();
    interrupt.over();
  });
  for (const write of writers) await write(cells.flatMap(({ verdict }) => verdict ?? []));
  print(
    values.json
      ? `${JSON.stringify(comparison(against, cells), undefined, 2)}\n`
      : text.table(against, cells),
  );
  process.exitCode = cells.every(holds) ? 0 : 1;
}
