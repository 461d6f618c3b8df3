// Lists the files under a folder that have one of the given suffixes, one per line, sorted, for binding.gyp:
//   node scripts/find-sources.mjs FOLDER SUFFIX...
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

const [folder, ...suffixes] = process.argv.slice(2);
const files = readdirSync(folder, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && suffixes.some((suffix) => entry.name.endsWith(suffix)))
  .map((entry) => join(entry.parentPath, entry.name));
console.log(files.sort().join('\n'));
