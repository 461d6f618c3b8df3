// clang-format and clang-tidy over the native sources:
//   node scripts/clang.mjs format [--write]     exit status 1 when a file is not formatted
//   node scripts/clang.mjs tidy [FILE...]       all sources of the freestanding programs, or some
import { spawn, spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const [action, ...rest] = process.argv.slice(2);

function files(folder, suffixes) {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => suffixes.some((suffix) => name.endsWith(suffix)))
    .map((name) => join(folder, name))
    .sort();
}

function need(tool) {
  if (spawnSync(tool, ['--version'], { stdio: 'ignore' }).status === 0) return;
  console.error(`"${tool}" was not found; run: sudo apt-get install clang-format clang-tidy`);
  process.exit(1);
}

/** Runs `tool` on each list of arguments, some at a time; returns how many failed. */
async function each(tool, lists) {
  const queue = [...lists];
  let failed = 0;
  const worker = async () => {
    for (let args = queue.shift(); args; args = queue.shift()) {
      const child = spawn(tool, args, { cwd: root });
      let output = '';
      child.stdout.on('data', (chunk) => {
        output += chunk;
      });
      child.stderr.resume(); // counts of suppressed warnings
      const status = await new Promise((resolve) => child.once('close', resolve));
      if (status !== 0) {
        failed++;
        console.error(output.trim());
      }
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
  return failed;
}

if (action === 'format') {
  need('clang-format');
  const sources = ['native', 'test/native', 'test/fuzz'].flatMap((folder) => files(folder, ['.cc', '.h']));
  const mode = rest.includes('--write') ? ['-i'] : ['--dry-run', '--Werror', '--ferror-limit=1'];
  const { status } = spawnSync('clang-format', [...mode, ...sources], { cwd: root, stdio: 'inherit' });
  process.exitCode = status ?? 1;
} else if (action === 'tidy') {
  need('clang-tidy');
  const programs = ['kvm', 'guest', 'monitor', 'host', 'supervisor'];
  const sources =
    rest.length > 0 ? rest : programs.flatMap((folder) => files(join('native', folder), ['.cc']));
  const flags = [
    '-std=c++20',
    '-ffreestanding',
    '-fno-exceptions',
    '-fno-rtti',
    '-Inative',
    '-Wno-unknown-attributes',
  ];
  const failed = await each(
    'clang-tidy',
    sources.map((source) => ['--quiet', source, '--', ...flags]),
  );
  if (failed > 0) console.error(`clang-tidy: ${failed} of ${sources.length} files have findings`);
  process.exitCode = failed > 0 ? 1 : 0;
} else {
  console.error('usage: node scripts/clang.mjs format [--write] | tidy [FILE...]');
  process.exitCode = 2;
}
