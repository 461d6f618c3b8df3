/** barchan chaos --runs: tries seeds one after the other, and says with which the program ends otherwise than without faults. */
import { writeFileSync, writeSync } from 'node:fs';
import type { Chaos } from '../chaos.js';
import { ChaosCounter, type ChaosExit, exitOf, exitText } from '../chaos-report.js';
import type { SandboxImage } from '../image/rootfs.js';
import type { SandboxOptions, SpawnOptions } from '../options.js';
import { asciiJson, printable } from '../printable.js';
import { Sandbox } from '../sandbox.js';
import { complain } from './output.js';
import { statuses } from './status.js';

export interface SearchRequest {
  chaos: Chaos;
  runs: number;
  /** The words before the command. */
  given: readonly string[];
  command: readonly string[];
  options: SpawnOptions;
  sandbox: SandboxOptions;
  ofImage?: ((image: SandboxImage) => { argv: readonly string[]; env: NodeJS.ProcessEnv }) | undefined;
  output: number;
  json?: boolean | undefined;
}

interface Run {
  seed: number;
  exit: ChaosExit;
  injected: number;
  durationMs: number;
}

export interface SearchReport {
  /** Of this format. */
  barchanChaosSearch: 1;
  command: readonly string[];
  runs: number;
  firstSeed: number;
  lastSeed: number;
  /** Without faults. */
  expected: ChaosExit;
  timeoutMs: number;
  failures: { seed: number; exit: ChaosExit; injected: number; reproduce: string }[];
}

/** A word that a shell reads back as it was. */
function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** The options for one run of `seed`. */
function reproduction(request: SearchRequest, seed: number, timeoutMs: number): string {
  const words: string[] = [];
  const dropped = new Set(['--seed', '--runs', '--output', '-o', '--timeout']);
  for (let i = 0; i < request.given.length; i++) {
    const word = request.given[i] as string;
    if (word === '--' || word === '--json' || /^(--(seed|runs|output|timeout)=|-o.)/.test(word)) continue;
    if (dropped.has(word)) i++;
    else words.push(word);
  }
  const all = ['barchan', 'chaos', '--seed', `${seed}`, '--timeout', `${timeoutMs}`, ...words, '--'];
  return [...all, ...request.command].map(shellWord).join(' ');
}

async function runOnce(request: SearchRequest, chaos: Chaos | undefined, timeoutMs: number): Promise<Run> {
  const counter = chaos && new ChaosCounter(chaos.toJSON());
  const begun = performance.now();
  await using box = await Sandbox.create({ ...request.sandbox, chaos, events: { backpressure: 'block' } });
  if (counter) box.on('injection', (event) => counter.take(event));
  const { argv, env } = (box.image && request.ofImage?.(box.image)) ?? {
    argv: request.command,
    env: request.options.env,
  };
  const { argv0, cwd } = request.options;
  const guest = await box.spawn(argv, { argv0, cwd, env, timeoutMs, stdio: 'ignore' });
  const exit = exitOf(await guest.exited);
  await guest.end();
  return {
    seed: chaos?.seed ?? 0,
    exit,
    injected: counter?.injected ?? 0,
    durationMs: performance.now() - begun,
  };
}

function searchText(report: SearchReport): string {
  const { failures, runs, firstSeed, lastSeed } = report;
  const lines = [
    `${failures.length} of ${runs} seeds (${firstSeed} to ${lastSeed}) made it end otherwise than without faults (${exitText(report.expected)})`,
    ...failures.map(
      ({ seed, exit, injected, reproduce }) =>
        `seed ${seed}: ${exitText(exit)} after ${injected} faults: ${reproduce}`,
    ),
  ];
  return `${lines.map((line) => `barchan: chaos: ${printable(line).replaceAll('\\\\', '\\')}`).join('\n')}\n`;
}

const same = (a: ChaosExit, b: ChaosExit): boolean =>
  a.exitCode === b.exitCode && a.signal === b.signal && a.timedOut === b.timedOut;

/** The exit status of barchan: 0 when no seed made a difference, 1 when one did. */
export async function search(request: SearchRequest): Promise<number> {
  const firstSeed = request.chaos.seed;
  const lastSeed = firstSeed + request.runs - 1;
  if (!Number.isSafeInteger(lastSeed)) {
    complain(`chaos: --seed ${firstSeed} leaves no room for ${request.runs} seeds`);
    return statuses.usage;
  }
  const expected = await runOnce(request, undefined, request.options.timeoutMs ?? 0);
  // A program that hangs is one that ends otherwise.
  const timeoutMs = request.options.timeoutMs ?? 10_000 + Math.ceil(20 * expected.durationMs);
  const failures: SearchReport['failures'] = [];
  const shows = process.stderr.isTTY;
  for (let seed = firstSeed; seed <= lastSeed; seed++) {
    const { exit, injected } = await runOnce(request, request.chaos.withSeed(seed), timeoutMs);
    if (!same(exit, expected.exit))
      failures.push({ seed, exit, injected, reproduce: reproduction(request, seed, timeoutMs) });
    if (shows)
      writeSync(
        2,
        `\rbarchan: chaos: ${seed - firstSeed + 1} of ${request.runs}, ${failures.length} differ `,
      );
  }
  if (shows) writeSync(2, '\n');
  const report: SearchReport = {
    barchanChaosSearch: 1,
    command: request.command,
    runs: request.runs,
    firstSeed,
    lastSeed,
    expected: expected.exit,
    timeoutMs,
    failures,
  };
  writeFileSync(request.output, request.json ? asciiJson(report) : searchText(report));
  return failures.length > 0 ? 1 : 0;
}
