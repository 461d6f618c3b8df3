/** Building the attacks of the corpus on this machine, once per content. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { SandboxError } from '../errors.js';
import { type Attack, corpus } from './metadata.js';

const compiler = [
  '-std=gnu17',
  '-D_GNU_SOURCE',
  '-O1',
  '-w',
  '-s',
  '-pipe',
  '-static',
  '-fno-strict-aliasing',
];

/** Compiled is `source`; the output's name tells of the content of it, of `included` and of `flags`. */
async function compile(
  source: string,
  included: readonly string[],
  flags: readonly string[],
  folder: string,
  signal: AbortSignal | undefined,
): Promise<string> {
  const name = basename(source).replace(/\.\w+$/, '');
  return once(name, [source, ...included], flags.join('\0'), folder, async (partial) => {
    try {
      await promisify(execFile)('gcc', [...flags, '-o', partial, source, '-lm'], { signal });
    } catch (error) {
      // A Ctrl-C ends the compiler as well.
      signal?.throwIfAborted();
      const { code, stderr } = error as { code?: unknown; stderr?: string };
      if (code === 'ENOENT')
        throw new SandboxError('ERR_TOOL_MISSING', `Cannot build ${source}: there is no gcc here`, {
          path: 'gcc',
          remedy:
            "Install the packages gcc and libc6-dev (Debian's names), or what this system has for them.",
          cause: error,
        });
      throw new SandboxError('ERR_TOOL_MISSING', `Cannot build ${source}: ${stderr?.trim()}`, {
        path: source,
        remedy: /cannot find -l|No such file/.test(stderr ?? '')
          ? 'Headers of Linux and static libraries of libc are needed: Debian has them in linux-libc-dev and libc6-dev.'
          : undefined,
        cause: error,
      });
    }
  });
}

/** Makes a file in `folder` by `make`, unless it is there for the content of `files` and `salt`; resolves with its path. */
async function once(
  name: string,
  files: readonly string[],
  salt: string,
  folder: string,
  make: (partial: string) => Promise<void> | void,
): Promise<string> {
  const hash = createHash('sha256').update(salt);
  for (const file of files) hash.update(readFileSync(file));
  const output = join(folder, `${name}-${hash.digest('hex').slice(0, 12)}`);
  if (existsSync(output)) return output;
  mkdirSync(folder, { recursive: true });
  const partial = `${output}.${process.pid}.part`;
  try {
    await make(partial);
    chmodSync(partial, 0o755);
    renameSync(partial, output);
  } finally {
    rmSync(partial, { force: true });
  }
  return output;
}

/**
 * Makes a program of an attack in `folder`: C and assembly by this machine's gcc, scripts with what all scripts of their language
 * share (corpus/attack.sh, corpus/attack.py) behind the line of their interpreter. Resolves with its path.
 */
export async function buildAttack(attack: Attack, folder: string, signal?: AbortSignal): Promise<string> {
  const root = dirname(dirname(attack.source));
  if (attack.language === '.c' || attack.language === '.S')
    return compile(
      attack.source,
      [join(root, attack.language === '.c' ? 'attack.h' : 'attack.S')],
      [...compiler, ...attack.flags],
      folder,
      signal,
    );
  const shared = join(root, `attack${attack.language}`);
  return once(basename(attack.name), [attack.source, shared], '', folder, (partial) => {
    const [interpreter, ...script] = readFileSync(attack.source, 'utf8').split('\n');
    writeFileSync(partial, [interpreter, readFileSync(shared, 'utf8'), ...script].join('\n'));
  });
}

/** The program by which the judge plays a monitor that was taken over. */
export const buildInjector = (folder: string, signal?: AbortSignal): Promise<string> =>
  compile(join(corpus, 'injector.c'), [], compiler, folder, signal);
