/** Compiles the guest of test/fuzz/syscalls. Plain JavaScript, as scripts/fuzz.mjs runs it without a build. */
import { execFileSync } from 'node:child_process';
import { chmodSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const sources = fileURLToPath(new URL('../fuzz/syscalls', import.meta.url));
const flags = ['-std=gnu17', '-D_GNU_SOURCE', '-O2', '-Wall', '-Wextra', '-Werror', '-static', '-pthread'];

/** Returns the path of the program in `folder`; any user may run it. @param {string} folder */
export function compileGuestFuzzer(folder) {
  const program = join(folder, 'fuzz');
  const files = readdirSync(sources).filter((name) => name.endsWith('.c'));
  execFileSync('gcc', [...flags, '-o', program, ...files.map((name) => join(sources, name)), '-lrt']);
  chmodSync(folder, 0o755);
  chmodSync(program, 0o755);
  return program;
}
