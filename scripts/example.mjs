// Runs an example: npm run example -- NAME [ARGUMENT...]. Compiles examples/NAME.ts, and what it imports beside it, to
// build/examples, from where `barchan` is this package as it was built last.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import ts from 'typescript';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const names = readdirSync(join(root, 'examples'))
  .filter((file) => file.endsWith('.ts'))
  .map((file) => file.slice(0, -3));
const [name, ...args] = process.argv.slice(2);
if (!names.includes(name)) {
  console.error(`usage: npm run example -- NAME [ARGUMENT...]\nExamples: ${names.join(', ')}`);
  process.exit(2);
}
const folder = join(root, 'build/examples');
mkdirSync(folder, { recursive: true });
for (const each of names) {
  const source = readFileSync(join(root, 'examples', `${each}.ts`), 'utf8');
  const compilerOptions = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 };
  const { outputText } = ts.transpileModule(source, { compilerOptions, fileName: `${each}.ts` });
  writeFileSync(join(folder, `${each}.js`), outputText);
}
const path = join(folder, `${name}.js`);
process.argv = [process.argv[0], path, ...args];
await import(pathToFileURL(path).href);
