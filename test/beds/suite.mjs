/** What runs in a bed: static guest test programs, busybox and a debugger, each natively and under the monitor. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { compileGuest, guestPrograms } from '../helpers/guest-programs.mjs';
import { Archive } from './archive.mjs';
import { root, slimModule } from './packages.mjs';

/** Shell scripts for busybox: name -> text. */
const scripts = {
  echo: 'echo hello; exit 3',
  pipeline: 'seq 1 200 | sort -r | head -5 | tr 0-9 a-j; echo $(echo nested $(echo twice))',
  files:
    'mkdir d && echo text > d/f && cp d/f d/g && ln -s f d/l && cat d/l && ls -1 d && wc d/* && rm -r d && ls',
  jobs: 'for i in 1 2 3; do (sleep $i; echo $i) & done; wait; echo done',
  traps:
    'trap "echo caught" USR1; kill -USR1 $$; trap "echo leaving" EXIT; kill -TERM $(sh -c "echo \\$PPID") 2>/dev/null; echo here',
  text: 'seq 1 300 | awk "{ s += \\$1 * NR } END { print s, NR }"; echo abc | sed "s/b/X/"; seq 1 500 | sha256sum',
  compress: 'seq 1 3000 > f; gzip f; zcat f.gz | md5sum; tar cf t.tar f.gz; tar tf t.tar',
  killed: 'sleep 5 & kill -9 $!; wait $!; echo $?; sh -c "kill -SEGV \\$\\$"; echo $?; kill -TERM $$',
};

/**
 * @typedef {object} BedTest
 * @property {string} name
 * @property {number} seconds
 * @property {string[]} words  program and arguments, as they are in the bed
 * @property {Record<string, number>} [lengths]  the program prints names and numbers; the greatest that each should be
 */

/**
 * A program that measures.
 * @typedef {{source: string, lengths: Record<string, number>}} Measure
 */

/** @param {Measure} measure @param {string} directory @returns {string} its program's path */
function compileMeasure({ source }, directory) {
  const output = join(directory, basename(source, '.c'));
  execFileSync('gcc', ['-std=gnu17', '-O2', '-static', '-Wall', '-Wextra', '-o', output, source]);
  return output;
}

/** The monitor to test: $BARCHAN_MONITOR, the built one, or the development build. @returns {string} */
export function monitorPath() {
  const places = [
    process.env.BARCHAN_MONITOR,
    join(root, 'build/Release/barchan-monitor'),
    join(root, 'build/dev/barchan-monitor'),
  ];
  const found = places.find((place) => place && existsSync(place));
  if (!found) throw new Error('no monitor is built: npm run build');
  return found;
}

/** A program of this folder. @param {string} name @param {string} directory @returns {string} its path */
export function compileTool(name, directory) {
  const output = join(directory, name);
  const source = join(root, 'test/beds', `${name}.cc`);
  execFileSync('g++', [
    '-std=c++20',
    '-O2',
    '-static',
    '-Wall',
    '-Wextra',
    '-s',
    `-I${join(root, 'native')}`,
    '-o',
    output,
    source,
  ]);
  return output;
}

/**
 * @typedef {object} Suite
 * @property {Buffer} archive  the bed's file system
 * @property {BedTest[]} tests  in their order
 * @property {Map<string, string>} skipped  name -> reason
 *
 */

/** Everything that could run in a bed. @param {number} patience @returns {BedTest[]} */
function allTests(patience) {
  /** @type {BedTest[]} */
  const tests = [];
  for (const [name, text] of Object.entries(scripts)) {
    tests.push({
      name: `busybox-${name}`,
      seconds: 30 * patience,
      words: ['/bin/busybox', 'sh', '-c', text],
    });
  }
  tests.push({ name: 'debugger', seconds: 60 * patience, words: ['/bed/debugger'] });
  for (const { name, links, timeoutMs, args } of guestPrograms()) {
    if (!links.includes('static')) continue;
    tests.push({ name, seconds: (timeoutMs / 1000) * patience, words: [`/guest/${name}`, ...args] });
  }
  return tests;
}

/**
 * The file system of a bed and the tests in it.
 * @param {{kernel: import('./packages.mjs').Kernel, modules: string[], directory: string, init: string,
 *   patience: number, skips: Record<string, string>, times: number, filter?: RegExp | undefined,
 *   measure?: Measure | undefined}} options
 * @returns {Promise<Suite>}
 */
export async function bedSuite({
  kernel,
  modules,
  directory,
  init,
  patience,
  skips,
  times,
  filter,
  measure,
}) {
  mkdirSync(directory, { recursive: true });
  const archive = new Archive();
  for (const path of ['proc', 'sys', 'dev', 'tmp', 'root', 'bin', 'etc', 'usr']) archive.directory(path);
  archive.copy('bin/busybox', kernel.busybox);
  archive.copy('bed/driver', compileTool('driver', directory));
  archive.copy('bed/debugger', compileTool('debugger', directory));
  archive.copy('bed/monitor', monitorPath());
  archive.file('etc/passwd', 'root:x:0:0:root:/root:/bin/sh\n', 0o644);
  archive.file('etc/group', 'root:x:0:\n', 0o644);
  for (const module of modules) archive.copy(`mod/${module}.ko`, slimModule(kernel, module, directory));
  const all = allTests(patience);
  if (measure) {
    const name = basename(measure.source, '.c');
    all.unshift({ name, seconds: 120 * patience, words: [`/bed/${name}`], lengths: measure.lengths });
  }
  const chosen = all.filter((test) => !filter || filter.test(test.name));
  if (chosen.length === 0) throw new Error(`no program has a name like ${filter}`);
  /** @type {Map<string, string>} */
  const skipped = new Map();
  for (const { name } of chosen) {
    const reason = skips[name];
    if (reason) skipped.set(name, reason);
  }
  const once = chosen.filter(({ name }) => !skipped.has(name));
  const programs = new Map(guestPrograms().map((program) => [program.name, program]));
  for (const { name } of once) {
    const program = programs.get(name);
    if (program) archive.copy(`guest/${name}`, await compileGuest(program, 'static'));
  }
  if (measure && once.some(({ lengths }) => lengths))
    archive.copy(`bed/${basename(measure.source, '.c')}`, compileMeasure(measure, directory));
  const tests = [...once];
  for (let n = 2; n <= times; n++)
    tests.push(...once.map((test) => ({ ...test, name: `${test.name}#${n}` })));
  const list = tests.map((test) => [test.name, test.seconds, ...test.words].join('\t'));
  archive.file('bed/list', `${list.join('\n')}\n`, 0o644);
  archive.file('init', init);
  return { archive: archive.bytes(), tests, skipped };
}
