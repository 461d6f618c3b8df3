/**
 * What runs in a bed: static guest test programs and busybox, each natively and under the monitor, and the
 * comparison of the two.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
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
 */

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

/** @param {string} name @param {string} directory @returns {string} */
function compileTool(name, directory) {
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
 * The file system of a bed and the tests in it.
 * @param {{kernel: import('./packages.mjs').Kernel, modules: string[], directory: string, init: string, filter?: RegExp}} options
 * @returns {Promise<{archive: Buffer, tests: BedTest[]}>}
 */
export async function bedSuite({ kernel, modules, directory, init, filter }) {
  mkdirSync(directory, { recursive: true });
  const archive = new Archive();
  for (const path of ['proc', 'sys', 'dev', 'tmp', 'root', 'bin', 'etc', 'usr']) archive.directory(path);
  archive.copy('bin/busybox', kernel.busybox);
  archive.copy('bed/driver', compileTool('driver', directory));
  archive.copy('bed/monitor', monitorPath());
  archive.file('etc/passwd', 'root:x:0:0:root:/root:/bin/sh\n', 0o644);
  archive.file('etc/group', 'root:x:0:\n', 0o644);
  for (const module of modules) archive.copy(`mod/${module}.ko`, slimModule(kernel, module, directory));
  /** @type {BedTest[]} */
  const tests = [];
  for (const [name, text] of Object.entries(scripts)) {
    tests.push({ name: `busybox-${name}`, seconds: 30, words: ['/bin/busybox', 'sh', '-c', text] });
  }
  for (const program of guestPrograms()) {
    if (!program.beds || !program.links.includes('static')) continue;
    tests.push({
      name: program.name,
      seconds: program.timeoutMs / 1000,
      words: [`/guest/${program.name}`, ...program.args],
    });
  }
  const chosen = tests.filter((test) => !filter || filter.test(test.name));
  for (const test of chosen) {
    const program = guestPrograms().find(({ name }) => name === test.name);
    if (program) archive.copy(`guest/${program.name}`, await compileGuest(program, 'static'));
  }
  const list = chosen.map((test) => [test.name, test.seconds, ...test.words].join('\t'));
  archive.file('bed/list', `${list.join('\n')}\n`, 0o644);
  archive.file('init', init);
  return { archive: archive.bytes(), tests: chosen };
}

/**
 * @typedef {{status: string, milliseconds: number, stdout: string, stderr: string, hash: string}} BedRun
 * Parses what driver.cc wrote (its header says how).
 * @param {Buffer} output
 * @returns {{runs: Map<string, {native?: BedRun, guest?: BedRun}>, complete: boolean}}
 */
export function parseResults(output) {
  /** @type {Map<string, {native?: BedRun, guest?: BedRun}>} */
  const runs = new Map();
  let at = 0;
  for (;;) {
    const end = output.indexOf(10, at);
    const line = output.toString('latin1', at, end < 0 ? output.length : end);
    if (line === '@end') return { runs, complete: true };
    const match = /^@run (\S+) (native|guest) (\S+) (\d+) (\d+) (\d+) (\w+)$/.exec(line);
    if (end < 0) return { runs, complete: false };
    at = end + 1;
    if (!match) continue;
    const [, name = '', how = 'guest', status = '', milliseconds, out, err, hash = ''] = match;
    const middle = at + Number(out);
    const last = middle + Number(err);
    if (last > output.length) return { runs, complete: false };
    const run = {
      status,
      milliseconds: Number(milliseconds),
      stdout: output.toString('utf8', at, middle),
      stderr: output.toString('utf8', middle, last),
      hash,
    };
    runs.set(name, { ...runs.get(name), [how]: run });
    at = last + 1;
  }
}

/** The first lines that differ. @param {string} a @param {string} b */
function difference(a, b) {
  const left = a.split('\n');
  const right = b.split('\n');
  const lines = [];
  for (let i = 0; i < Math.max(left.length, right.length) && lines.length < 12; i++) {
    if (left[i] !== right[i])
      lines.push(`    native: ${left[i] ?? '(end)'}`, `    guest:  ${right[i] ?? '(end)'}`);
  }
  return lines.join('\n');
}

/** Prints the comparison; the last line is the count. @param {BedTest[]} tests @param {Buffer} output @returns {number} failed */
export function report(tests, output) {
  const { runs, complete } = parseResults(output);
  let passed = 0;
  let failed = 0;
  for (const test of tests) {
    const { native, guest } = runs.get(test.name) ?? {};
    if (native && guest && native.status === guest.status && native.hash === guest.hash) {
      passed++;
      console.log(
        `ok   ${test.name} (${native.status}, ${native.milliseconds} ms native, ${guest.milliseconds} ms guest)`,
      );
      continue;
    }
    failed++;
    console.log(
      `FAIL ${test.name}: native ${native?.status ?? 'did not run'}, guest ${guest?.status ?? 'did not run'}`,
    );
    if (native && guest) console.log(difference(native.stdout, guest.stdout));
    if (guest?.stderr)
      console.log(`    stderr: ${guest.stderr.slice(0, 500).trim().replaceAll('\n', '\n            ')}`);
  }
  if (!complete) console.log('The bed did not get to the end of its list.');
  console.log(`${passed} passed, ${failed} failed`);
  return failed + (complete ? 0 : 1);
}
