// npm's prepare step, of a source checkout: builds everything that has changed.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const built = ['build/Release/barchan-monitor', 'build/Release/barchan.node', 'dist/cli/main.js'];
// The first `npx barchan` in a checkout links the checkout into npm's cache and comes through here again.
if (process.env.npm_command === 'exec' && built.every((file) => existsSync(join(root, file))))
  process.exit(0);

const { status } = spawnSync('npm', ['run', 'build'], { cwd: root, stdio: 'inherit' });
process.exit(status ?? 1);
