// Everything short of the guest programs, in one command: npm run check
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const bin = (name) => join(root, 'node_modules/.bin', name);
const node = process.execPath;

const steps = [
  ['biome', bin('biome'), ['check', '.']],
  ['types', bin('tsc'), ['-p', 'tsconfig.json']],
  ['build', 'npm', ['run', '--silent', 'build:ts']],
  ['clang-format', node, ['scripts/clang.mjs', 'format']],
  ['clang-tidy', node, ['scripts/clang.mjs', 'tidy']],
  ['package', bin('publint'), ['--strict', '--pack=false']],
  ['API documentation', bin('typedoc'), ['--emit', 'none']],
  ['docs/syscalls.md', node, ['scripts/syscalls-doc.mjs', '--check']],
  ['docs/policies.md', node, ['scripts/policies-doc.mjs', '--check']],
  ['docs/attacks.md', node, ['scripts/attacks-doc.mjs', '--check']],
  ['docs/performance.md', node, ['scripts/performance-doc.mjs', '--check']],
  ['native unit tests', node, ['scripts/test-native.mjs']],
  ['unit tests', bin('vitest'), ['run', 'test/unit']],
];

const failed = [];
for (const [name, command, args] of steps) {
  const started = performance.now();
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 64 << 20,
  });
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`${status === 0 ? 'ok  ' : 'FAIL'}  ${name} (${seconds} s)`);
  if (status !== 0) {
    failed.push(name);
    console.log(`${stdout ?? ''}${stderr ?? ''}${error?.message ?? ''}`);
  }
}
if (failed.length > 0) console.log(`failed: ${failed.join(', ')}`);
process.exitCode = failed.length > 0 ? 1 : 0;
