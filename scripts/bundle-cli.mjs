// Puts the command line's modules into few files, dist/cli.js and dist/cli-*.js, which dist/cli/main.js then loads: Node.js takes
// half a millisecond for each module, and `barchan run` has some 70. What each verb loads when it is asked for stays apart.
import { chmodSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const dist = join(dirname(dirname(fileURLToPath(import.meta.url))), 'dist');

/** What a module imports when it is loaded, with all that these import. @param {string} file @param {Set<string>} found */
function closure(file, found = new Set()) {
  if (found.has(file)) return found;
  found.add(file);
  for (const [, path] of readFileSync(file, 'utf8').matchAll(
    /^(?:import|export)\b[^;]*?['"](\.[^'"]+)['"];$/gm,
  ))
    closure(join(dirname(file), path), found);
  return found;
}

const run = closure(join(dist, 'cli/foreground.js'), closure(join(dist, 'cli/run.js')));
// Any verb's, help's too, which needs no more.
const any = closure(join(dist, 'cli/usage.js'));

for (const name of readdirSync(dist)) if (/^cli(-.*)?\.js$/.test(name)) rmSync(join(dist, name));
const bundle = await rolldown({
  input: { cli: join(dist, 'cli/dispatch.js') },
  platform: 'node',
  external: (id) => !/^[./]/.test(id),
});
await bundle.write({
  dir: dist,
  format: 'esm',
  // One level below the package, as lib/package-root.ts needs it.
  entryFileNames: '[name].js',
  chunkFileNames: 'cli-[name].js',
  codeSplitting: {
    groups: [
      { name: 'usage', test: (id) => any.has(id), priority: 2 },
      { name: 'start', test: (id) => run.has(id), priority: 1 },
    ],
  },
});
await bundle.close();

const main = join(dist, 'cli/main.js');
writeFileSync(main, "#!/usr/bin/env node\nimport '../cli.js';\n");
chmodSync(main, 0o755);
