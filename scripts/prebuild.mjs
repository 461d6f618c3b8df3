// Puts what build/Release holds where node-gyp-build looks in a published package, so that users need no
// compiler. The addon uses Node-API only: one binary serves every Node version.

import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const target = join(root, 'prebuilds/linux-x64');
mkdirSync(target, { recursive: true });
for (const [from, to] of [
  ['barchan.node', 'barchan.napi.node'],
  ['barchan-monitor', 'barchan-monitor'],
  ['barchan-supervisor', 'barchan-supervisor'],
  ['barchan-keeper', 'barchan-keeper'],
  ['barchan-files', 'barchan-files'],
  ['barchan-network', 'barchan-network'],
  ['barchan-runtime', 'barchan-runtime'],
]) {
  copyFileSync(join(root, 'build/Release', from), join(target, to));
  const { status } = spawnSync('strip', ['--strip-unneeded', join(target, to)], { stdio: 'inherit' });
  if (status !== 0) process.exit(1);
}
