/** What there is to run, made ready on the host. */
import { createHash } from 'node:crypto';
import { constants, createReadStream, openSync } from 'node:fs';
import { chmod, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { SandboxError } from '../errors.js';
import type { BindMount } from '../isolation.js';
import { buildAttack } from './build.js';
import { type Attack, attacks } from './metadata.js';

/**
 * A program of the host, by its path; a command that is found inside the sandbox; a script as text, for an interpreter that is
 * found inside (default: /bin/sh); or an attack of the corpus, by its name or as attacks() gives it.
 */
export type Sample =
  | string
  | { command: readonly string[] }
  | { script: string; interpreter?: string | readonly string[] | undefined }
  | { attack: string | Attack };

export interface PreparedSample {
  name: string;
  argv: string[];
  mounts: BindMount[];
  /** The sample's own file on the host; undefined: it is one inside. */
  source: string | undefined;
  attack: Attack | undefined;
  release(): Promise<void>;
}

/** Where a sample of the host lies inside. */
const inside = '/run/sample';

const give = `Give the path of a program, { command: [...] }, { script: '...', interpreter }, or { attack: 'family/name' }.`;

function refuse(path: string, value: unknown, why: string, remedy = give): SandboxError {
  return new SandboxError('ERR_INVALID_OPTION', `harness.run: ${path} ${why}`, { path, value, remedy });
}

const isText = (value: unknown): value is string =>
  typeof value === 'string' && value !== '' && !value.includes('\0');

function words(path: string, value: unknown): string[] {
  const list = typeof value === 'string' ? [value] : value;
  if (
    !Array.isArray(list) ||
    list.length === 0 ||
    !isText(list[0]) ||
    !list.every((word) => typeof word === 'string' && !word.includes('\0'))
  )
    throw refuse(path, value, 'is no list of strings that begins with the name of a program');
  return [...list] as string[];
}

/** Of the host. Opened without waiting, since it may be a FIFO. */
export async function fileHash(path: string): Promise<string | undefined> {
  try {
    if (!(await stat(path)).isFile()) return undefined;
    const hash = createHash('sha256');
    const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    for await (const chunk of createReadStream('', { fd })) hash.update(chunk);
    return hash.digest('hex');
  } catch {
    return undefined;
  }
}

async function program(path: string, args: readonly string[]): Promise<PreparedSample> {
  const source = resolve(path);
  const found = await stat(source).catch((cause: NodeJS.ErrnoException) => {
    throw refuse('sample', path, `cannot be read: ${cause.code}`, 'Give the path of a program on this host.');
  });
  if (!found.isFile()) throw refuse('sample', path, 'is no regular file');
  const target = `${inside}/${basename(source)}`;
  return {
    name: basename(source),
    argv: [target, ...args],
    mounts: [{ source, target }],
    source,
    attack: undefined,
    release: async () => {},
  };
}

async function script(text: string, interpreter: string[], args: readonly string[]): Promise<PreparedSample> {
  const folder = await mkdtemp(join(tmpdir(), 'barchan-sample-'));
  const release = (): Promise<void> => rm(folder, { recursive: true, force: true });
  const source = join(folder, 'script');
  try {
    await chmod(folder, 0o755);
    await writeFile(source, text);
    await chmod(source, 0o755);
  } catch (error) {
    await release();
    throw error;
  }
  const target = `${inside}/script`;
  return {
    name: `script for ${basename(interpreter[0] as string)}`,
    argv: [...interpreter, target, ...args],
    mounts: [{ source, target }],
    source,
    attack: undefined,
    release,
  };
}

/** Where attacks are built, once per content. */
export const attackCache = (): string =>
  join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'barchan/corpus');

async function attackProgram(given: string | Attack, args: readonly string[]): Promise<PreparedSample> {
  const attack = typeof given === 'string' ? attacks().find(({ name }) => name === given) : given;
  if (!attack || typeof attack.source !== 'string')
    throw refuse('sample.attack', given, 'is no attack of the corpus', 'See docs/attacks.md, or attacks().');
  if (attack.injected || attack.passes)
    throw refuse(
      'sample.attack',
      attack.name,
      'is an attack in which its judge takes part',
      'Run it by `barchan harness run`.',
    );
  const source = await buildAttack(attack, attackCache());
  const target = '/run/attack';
  return {
    name: attack.name,
    argv: [target, ...args],
    mounts: [{ source, target }],
    source,
    attack,
    release: async () => {},
  };
}

/** Rejects with ERR_INVALID_OPTION and the system's errors. */
export async function prepareSample(sample: unknown, args: readonly string[]): Promise<PreparedSample> {
  if (isText(sample)) return program(sample, args);
  if (typeof sample !== 'object' || sample === null) throw refuse('sample', sample, 'is none');
  const kinds = ['command', 'script', 'attack'].filter((kind) => kind in sample);
  const known = kinds[0] === 'script' ? ['script', 'interpreter'] : kinds;
  const more = Object.keys(sample).find((name) => !known.includes(name));
  if (kinds.length !== 1 || more !== undefined) throw refuse('sample', sample, 'is none');
  const given = sample as Record<string, unknown>;
  if (kinds[0] === 'command') {
    const argv = [...words('sample.command', given.command), ...args];
    const name = basename(argv[0] as string);
    return { name, argv, mounts: [], source: undefined, attack: undefined, release: async () => {} };
  }
  if (kinds[0] === 'attack') return attackProgram(given.attack as string | Attack, args);
  if (typeof given.script !== 'string') throw refuse('sample.script', given.script, 'is no text');
  return script(given.script, words('sample.interpreter', given.interpreter ?? '/bin/sh'), args);
}
