// npm's install step. A source checkout is built by the `prepare` step that follows; a published package
// brings prebuilds/, and is compiled only where they are missing.
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const checkout = existsSync(join(root, 'tsconfig.json'));
const prebuilt = existsSync(join(root, 'prebuilds/linux-x64/barchan-monitor'));
if (!checkout && !prebuilt) await import('./build-native.mjs');
