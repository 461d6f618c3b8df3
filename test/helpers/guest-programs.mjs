/**
 * The guest test programs of test/guest: which there are, how each wants to be run, and their compilation.
 * Plain JavaScript, as the beds run it without a build.
 *
 * A program says how it wants to be run in one comment near its top, all parts optional:
 *   // run: static|dynamic|both args... ; timeout 20s ; flags: -mfoo ; stderr: yes
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const sources = join(root, 'test/guest');
const cache = join(root, 'build/test-guest');
const compiler = [
  '-std=gnu17',
  '-D_GNU_SOURCE',
  '-O2',
  '-g0',
  '-pthread',
  '-w',
  '-fno-delete-null-pointer-checks',
];
const run = promisify(execFile);

/**
 * @typedef {'static' | 'dynamic'} Link
 * @typedef {object} GuestProgram
 * @property {string} name
 * @property {string} source  path of the C file
 * @property {string} shows  first line of its comment
 * @property {Link[]} links  the variants to run
 * @property {string[]} args
 * @property {number} timeoutMs
 * @property {boolean} stderr  whether stderr is compared as well
 * @property {string[]} flags  for the compiler
 */

/** Splits like a shell does with double quotes. @param {string} text */
export function splitWords(text) {
  return [...text.matchAll(/"([^"]*)"|([^\s"]+)/g)].map((match) => match[1] ?? match[2] ?? '');
}

/** @param {string} name @param {string} text @returns {Omit<GuestProgram, 'source'>} */
export function parseHeader(name, text) {
  const program = {
    name,
    shows: /^\/\/ (?:Shows: )?(.*)$/m.exec(text)?.[1] ?? '',
    links: /** @type {Link[]} */ (['static']),
    args: /** @type {string[]} */ ([]),
    timeoutMs: 30_000,
    stderr: false,
    flags: /** @type {string[]} */ ([]),
  };
  const line = /^(?:\/\/| \*) run: *(.*)$/m.exec(text)?.[1];
  for (const part of line?.split(/\s*;\s*/).filter(Boolean) ?? []) {
    const timeout = /^timeout:? +(\d+)s$/.exec(part);
    const option = /^(flags|stderr): *(.*)$/.exec(part);
    if (timeout) {
      program.timeoutMs = Number(timeout[1]) * 1000;
    } else if (option?.[1] === 'stderr') {
      program.stderr = option[2] === 'yes';
    } else if (option) {
      program.flags = splitWords(option[2] ?? '');
    } else if (/^\w+: /.test(part)) {
      throw new Error(`${name}: unknown option "${part}"`);
    } else {
      const words = splitWords(part);
      if (words[0] === 'static' || words[0] === 'dynamic' || words[0] === 'both') {
        program.links = words[0] === 'both' ? ['static', 'dynamic'] : [words[0]];
        words.shift();
      }
      program.args = words;
    }
  }
  return program;
}

/** Every test/guest/*.c, by name. @returns {GuestProgram[]} */
export function guestPrograms() {
  return readdirSync(sources)
    .filter((file) => file.endsWith('.c'))
    .sort()
    .map((file) => {
      const source = join(sources, file);
      return { source, ...parseHeader(basename(file, '.c'), readFileSync(source, 'utf8')) };
    });
}

/**
 * Compiles `source` once per content of it, of guest.h and of the flags; returns the program's path. Its base
 * name is `name`, as some programs print theirs.
 * @param {{name: string, source: string, flags?: string[]}} program @param {Link} link
 */
export async function compileGuest(program, link) {
  const flags = [...compiler, ...(program.flags ?? []), ...(link === 'static' ? ['-static'] : [])];
  const hash = createHash('sha256').update(JSON.stringify(flags)).update(readFileSync(program.source));
  const header = join(dirname(program.source), 'guest.h');
  if (existsSync(header)) hash.update(readFileSync(header));
  const directory = join(cache, `${program.name}-${link}-${hash.digest('hex').slice(0, 12)}`);
  const output = join(directory, program.name);
  if (existsSync(output)) return output;
  mkdirSync(directory, { recursive: true });
  const partial = `${output}.${process.pid}.part`;
  try {
    await run('gcc', [...flags, '-o', partial, program.source, '-lm']);
    renameSync(partial, output);
  } finally {
    rmSync(partial, { force: true });
  }
  return output;
}
