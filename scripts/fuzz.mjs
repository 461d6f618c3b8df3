// Runs the libFuzzer targets of test/fuzz one after the other: node scripts/fuzz.mjs [SECONDS_EACH [TARGET]]
// What they find stays in build/fuzz/corpus and is the start of the next run. Target `syscalls` is a guest that makes
// random system calls (test/fuzz/syscalls), with another seed each time.
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { writeSeeds } from '../test/fuzz/seeds.mjs';
import { compileGuestFuzzer } from '../test/helpers/guest-fuzzer.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const folder = join(root, 'build/fuzz');
const seconds = Number(process.argv[2] ?? 60);
const only = process.argv[3];
if (!(seconds > 0)) throw new Error(`seconds must be a number, not ${process.argv[2]}`);

function run(command, args, cwd = root) {
  const { status } = spawnSync(command, args, { cwd, stdio: 'inherit' });
  if (status !== 0) process.exit(1);
}

function fuzzSyscalls() {
  const folder = mkdtempSync(join(tmpdir(), 'barchan-fuzz-'));
  try {
    const guest = compileGuestFuzzer(folder);
    for (const end = Date.now() + seconds * 1000; Date.now() < end; ) {
      const scratch = mkdtempSync(join(folder, 'scratch-'));
      chmodSync(scratch, 0o777);
      chmodSync(folder, 0o755);
      const seed = String(Date.now());
      console.log(`seed ${seed}`);
      run(process.execPath, [join(root, 'dist/cli/main.js'), 'run', '--', guest, seed, '24000'], scratch);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

if (!only || only === 'syscalls') fuzzSyscalls();
if (only === 'syscalls') process.exit(0);

const versions = ['', '-19', '-18', '-17', '-16', '-15', '-14'];
const compiler = versions.map((version) => `/usr/bin/clang++${version}`).find(existsSync);
if (!compiler) {
  console.error('Needs clang: sudo apt-get install clang');
  process.exit(1);
}

const targets = readdirSync(join(root, 'test/fuzz'))
  .filter((name) => name.startsWith('fuzz_') && name.endsWith('.cc'))
  .map((name) => name.replace(/\.cc$/, ''))
  .filter((name) => !only || name === only);
run('cmake', ['-S', root, '-B', folder, `-DCMAKE_CXX_COMPILER=${compiler}`, '-DBARCHAN_FUZZ=ON']);
run('cmake', ['--build', folder, '--parallel', ...targets.flatMap((name) => ['--target', name])]);
for (const target of targets) {
  const corpus = join(folder, 'corpus', target);
  writeSeeds(target, corpus);
  const limits = ['-max_len=300000', `-max_total_time=${seconds}`, '-print_final_stats=1'];
  run(join(folder, target), [...limits, `-artifact_prefix=${folder}/`, corpus]);
}
