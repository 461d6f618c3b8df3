/** Where this package lies. In the folder above this file's, which is so of what is bundled too (scripts/bundle-cli.mjs). */
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

export const packageRoot = dirname(dirname(fileURLToPath(import.meta.url)));
