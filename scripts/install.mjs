// npm's install step. A source checkout is built by the `prepare` step that follows; a published package
// brings prebuilds/, and is compiled only where they are missing or do not load (an older or another C library).
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const prebuilt = join(root, 'prebuilds/linux-x64');

function loads() {
  try {
    createRequire(import.meta.url)(join(prebuilt, 'barchan.napi.node'));
    return existsSync(join(prebuilt, 'barchan-monitor'));
  } catch {
    return false;
  }
}

const checkout = existsSync(join(root, 'tsconfig.json'));
if (!checkout && !loads()) await import('./build-native.mjs');
