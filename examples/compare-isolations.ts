/**
 * What does each isolation stop? `npm run example -- compare-isolations [ATTACK...]`.
 *
 * Attacks of the corpus run side by side without isolation, in bubblewrap where it is installed, and under barchan's profiles, by
 * `barchan harness run --json`; of that comes a table in Markdown.
 */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Verdict } from 'barchan/harness';

/** What `--json` prints. */
interface Comparison {
  isolations: { name: string; version?: string; missing?: string }[];
  verdicts: Verdict[];
  passedOver: { attack: string; isolation: string; reason: string }[];
  failed: { attack: string; isolation: string; reason: string }[];
}

const isolations = ['native', 'bwrap', 'barchan:compat', 'barchan:default', 'barchan:strict'];
const quick = [
  'cve/packet_ring',
  'cve/rings_of_calls',
  'cve/trace_me',
  'landlock/abstract_socket',
  'network/host_services',
];

function compare(attacks: readonly string[]): Promise<Comparison> {
  const command = fileURLToPath(new URL('dist/cli/main.js', import.meta.resolve('barchan/package.json')));
  const against = isolations.flatMap((name) => ['--against', name]);
  return new Promise((resolve, reject) => {
    execFile(
      process.execPath,
      [command, 'harness', 'run', '--json', '--quiet', ...against, ...attacks],
      { maxBuffer: 64 * 1024 * 1024 },
      // Status 1 says that barchan did not hold everything, which the table shows.
      (error, stdout, stderr) =>
        error && error.code !== 1 ? reject(new Error(stderr)) : resolve(JSON.parse(stdout)),
    );
  });
}

/** `contained` takes account of what a profile permits by decision. */
function cell({ contained, attempts, stoppedBy, reached }: Verdict): string {
  if (contained) return stoppedBy ? `stopped by ${stoppedBy}` : 'stopped';
  if (reached.length > 0) return reached.join(', ');
  const worked = attempts.filter(({ stopped }) => stopped === undefined).length;
  return worked === 0 ? 'nothing worked' : `${worked} of ${attempts.length} worked`;
}

const attacks = process.argv.slice(2);
const {
  isolations: columns,
  verdicts,
  passedOver,
  failed,
} = await compare(attacks.length > 0 ? attacks : quick);
const present = columns.filter(({ missing }) => missing === undefined);
const names = [
  ...new Set([...verdicts.map(({ sample }) => sample.name), ...passedOver.map(({ attack }) => attack)]),
];
const row = (cells: string[]): void => console.log(`| ${cells.join(' | ')} |`);

row(['Attack', ...present.map(({ name }) => name)]);
row(['---', ...present.map(() => '---')]);
for (const name of names.sort())
  row([
    name,
    ...present.map((column) => {
      const verdict = verdicts.find(
        ({ isolation, sample }) => isolation === column.name && sample.name === name,
      );
      return verdict ? cell(verdict) : 'not run';
    }),
  ]);
for (const { name, missing } of columns) if (missing) console.log(`${name}: ${missing}`);
for (const { attack, isolation, reason } of [...passedOver, ...failed])
  if (present.some(({ name }) => name === isolation))
    console.log(`${attack} was not run in ${isolation}: ${reason}`);
