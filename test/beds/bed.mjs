/**
 * A run of a bed: builds its disk, boots its machine, compares what it printed. A machine that never came up is
 * started once more; everything has an end. Words of the command line: [-v] [--all] [--times=N] [FILTER].
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { initScript } from './init.mjs';
import { kernel } from './packages.mjs';
import { report } from './report.mjs';
import { bedSuite } from './suite.mjs';

/** What init.mjs prints when the kernel and its modules are there. */
const upMark = 'BED: kernel';

/**
 * @typedef {object} Bed
 * @property {string} name
 * @property {string[]} modules  in the order to load them
 * @property {number} bootSeconds  within which the kernel has to be up
 * @property {number} seconds  within which all has to be done
 * @property {number} patience  what the programs' own time limits are multiplied by
 * @property {Record<string, string>} skips  programs not to run, and why
 * @property {import('./suite.mjs').Measure} [measure]  a program whose figures are held to limits
 * @property {RegExp} [usual]  the programs to run without --all or a filter; all when absent
 * @property {(work: string, image: string, archive: Buffer) => string[]} command
 *   makes what the machine boots from; it writes console and results into files of these names in `work`
 */

/** @param {string} work @param {string} name */
function contents(work, name) {
  const path = join(work, name);
  return existsSync(path) ? readFileSync(path) : Buffer.alloc(0);
}

/** @param {string} work */
function consoleText(work) {
  return contents(work, 'console').toString('latin1').replaceAll('\r', '');
}

/** Starts the machine and waits for its end. @param {Bed} bed @param {string} work @param {string[]} words */
async function boot(bed, work, words) {
  for (const name of ['console', 'results']) rmSync(join(work, name), { force: true });
  const started = Date.now();
  const child = spawn(words[0] ?? '', words.slice(1), { stdio: ['ignore', 'ignore', 'pipe'] });
  let errors = '';
  child.stderr.on('data', (data) => {
    errors = (errors + data).slice(-2000);
  });
  let isUp = false;
  let late = '';
  const watch = setInterval(() => {
    const seconds = (Date.now() - started) / 1000;
    isUp ||= consoleText(work).includes(upMark);
    if (!isUp && seconds > bed.bootSeconds) late = `not up after ${bed.bootSeconds} s`;
    if (seconds > bed.seconds) late = `not done after ${bed.seconds} s`;
    if (late) child.kill('SIGKILL');
  }, 1000);
  const ended = await new Promise((resolve) => {
    child.on('error', (error) => resolve(error.message));
    child.on('close', (status, signal) => resolve(signal ?? status));
  });
  clearInterval(watch);
  isUp ||= consoleText(work).includes(upMark);
  const seconds = ((Date.now() - started) / 1000).toFixed(1);
  console.log(
    `BED: ${seconds} s, ${words.find((word) => /bochs|qemu/.test(word))} ended with ${late || ended}`,
  );
  if (!isUp && errors) console.log(errors.trim());
  return isUp;
}

/** @param {string[]} args @returns {{verbose: boolean, all: boolean, times: number, filter?: RegExp}} */
function options(args) {
  const result = { verbose: false, all: false, times: 1 };
  /** @type {RegExp | undefined} */
  let filter;
  for (const word of args) {
    const times = /^--times=(\d+)$/.exec(word)?.[1];
    if (word === '-v') result.verbose = true;
    else if (word === '--all') result.all = true;
    else if (times) result.times = Number(times);
    else if (word.startsWith('-'))
      throw new Error(`${word}: the options are -v, --all, --times=N and a filter`);
    else filter = new RegExp(word);
  }
  return filter ? { ...result, filter } : result;
}

/** Runs it by the command line's words and sets the exit status. @param {Bed} bed */
export async function runBed(bed) {
  const { verbose, all, times, filter } = options(process.argv.slice(2));
  const work = mkdtempSync(join(tmpdir(), `bed-${bed.name}-`));
  try {
    const from = kernel();
    const suite = await bedSuite({
      kernel: from,
      modules: bed.modules,
      directory: work,
      init: initScript(bed.modules, process.env.KVM_OPTIONS, Number(process.env.BED_START_FLAGS ?? 0)),
      patience: bed.patience,
      skips: bed.skips,
      times,
      measure: bed.measure,
      filter: filter ?? (all ? undefined : bed.usual),
    });
    const words = bed.command(work, from.image, suite.archive);
    if (!(await boot(bed, work, words))) {
      console.log(
        `BED: the machine did not come up; once more. Its console:\n${consoleText(work).slice(-2000)}`,
      );
      await boot(bed, work, words);
    }
    for (const line of consoleText(work).split('\n'))
      if (verbose || line.startsWith('BED:')) console.log(line);
    const failed = report(suite, contents(work, 'results'));
    process.exitCode = failed > 0 ? 1 : 0;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
