// Builds the hosted native logic with sanitizers (CMakeLists.txt) and runs its unit tests:
//   node scripts/test-native.mjs [RESULT_FILE]
// The last line, written to RESULT_FILE too, is `N passed, N failed, N skipped`.
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fuzzTargets, writeSeeds } from '../test/fuzz/seeds.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const folder = join(root, 'build/hosted');
const jobs = String(availableParallelism());

function finish(passed, failed, skipped) {
  const line = `${passed} passed, ${failed} failed, ${skipped} skipped`;
  const file = process.argv[2];
  if (file) {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, `${line}\n`);
  }
  console.log(line);
  process.exit(failed > 0 ? 1 : 0);
}

function build(command, args) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd: root, encoding: 'utf8' });
  if (status === 0) return;
  console.error(`${stdout ?? ''}${stderr ?? ''}${error ? `${error.message}\n` : ''}`);
  console.error('Needs: sudo apt-get install cmake g++ libgtest-dev');
  finish(0, 1, 0);
}

for (const target of fuzzTargets) writeSeeds(target, join(folder, 'seeds', target));
build('cmake', ['-S', root, '-B', folder]);
build('cmake', ['--build', folder, '--parallel', jobs]);
const { stdout } = spawnSync('ctest', ['--test-dir', folder, '--output-on-failure', '--parallel', jobs], {
  encoding: 'utf8',
  maxBuffer: 64 << 20,
});
const summary = /(\d+) tests failed out of (\d+)/.exec(stdout);
if (!summary) {
  console.error(stdout);
  finish(0, 1, 0);
}
const [failed, total] = [Number(summary[1]), Number(summary[2])];
const skipped = (stdout.match(/\*\*\*Skipped/g) ?? []).length;
// Of the tests that passed a line each, too, would bury the others.
if (failed > 0) console.error(stdout.replace(/^.*(?:Start +\d+:|\.{2,} *Passed ).*\n/gm, ''));
finish(total - failed - skipped, failed, skipped);
