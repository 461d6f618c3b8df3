// Builds the addon and the freestanding programs into build/Release, doing only what has changed.
// Uses the headers that came with this Node when they are on the disk, so that no download is needed.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

function nodeGyp() {
  try {
    return createRequire(import.meta.url).resolve('node-gyp/bin/node-gyp.js');
  } catch {
    // A consumer's install: npm lends its own.
    return process.env.npm_config_node_gyp;
  }
}

function refuse(message) {
  console.error(`barchan: ${message}`);
  process.exit(1);
}

if (process.platform !== 'linux' || process.arch !== 'x64') {
  refuse(`needs Linux on x64; this is ${process.platform} on ${process.arch}`);
}
const gyp = nodeGyp();
if (!gyp) refuse('node-gyp was not found; install with npm, or run: npm install --save-dev node-gyp');
for (const tool of ['make', 'g++']) {
  if (spawnSync(tool, ['--version'], { stdio: 'ignore' }).status !== 0) {
    refuse(`"${tool}" was not found; run: sudo apt-get install python3 make g++`);
  }
}

const prefix = dirname(dirname(process.execPath));
const local = existsSync(join(prefix, 'include/node/node_api.h')) ? [`--nodedir=${prefix}`] : [];
const { status } = spawnSync(
  process.execPath,
  [gyp, 'configure', 'build', '--release', `--jobs=${availableParallelism()}`, '--loglevel=warn', ...local],
  { cwd: root, stdio: 'inherit', env: { ...process.env, npm_config_nodedir: undefined } },
);
process.exit(status ?? 1);
