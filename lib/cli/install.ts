/** barchan install, barchan uninstall */
import { chmodSync, copyFileSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { native } from '../native.js';
import { type EngineName, engineFiles, engineNames } from '../oci/engine-files.js';
import { complain, print } from './output.js';
import { statuses } from './status.js';
import { splitCommand, usageError } from './usage.js';

const options = {
  root: { type: 'string' },
  to: { type: 'string' },
  'dry-run': { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

const programs = ['barchan-runtime', 'barchan-monitor'];
const policies = ['compat', 'default', 'strict'] as const;
const policyFolder = '/etc/barchan/policies';

/** What is done to one file; `text` undefined: it is removed. */
interface Change {
  path: string;
  text: string | Buffer | undefined;
}

function contentOf(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

const isSame = (a: Buffer | undefined, b: string | Buffer | undefined) =>
  a === undefined || b === undefined ? a === b : a.equals(Buffer.from(b));

/** By a new file in its place, so that no reader sees half of it. */
function replace({ path, text }: Change): void {
  if (text === undefined) {
    rmSync(path, { force: true });
    return;
  }
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(`${path}.barchan-new`, text);
  renameSync(`${path}.barchan-new`, path);
}

function copyPrograms(from: string, to: string): void {
  mkdirSync(to, { recursive: true });
  for (const name of programs) {
    copyFileSync(join(from, name), join(to, `${name}.new`));
    chmodSync(join(to, `${name}.new`), 0o755);
    renameSync(join(to, `${name}.new`), join(to, name));
  }
}

async function policyChanges(root: string, remove: boolean): Promise<Change[]> {
  const { encodePolicy } = await import('../policy-blob.js');
  const { Policy } = await import('../policy.js');
  return policies.map((name) => ({
    path: join(root, policyFolder, `${name}.policy`),
    text: remove ? undefined : encodePolicy(Policy[name]().toJSON()),
  }));
}

/** Do other engines than this one know the runtime? */
const isUsedElsewhere = (root: string, name: EngineName) =>
  engineNames.some(
    (other) => other !== name && contentOf(join(root, engineFiles[other].path))?.includes('barchan'),
  );

function fail(problem: string): never {
  complain(problem);
  process.exit(statuses.failure);
}

async function change(verb: 'install' | 'uninstall', args: string[]): Promise<void> {
  const [first, ...others] = args;
  const engine = first !== undefined && !first.startsWith('-') ? first : undefined;
  const { values, command } = splitCommand('install', engine === undefined ? args : others, options);
  if (values.help) {
    const { help } = await import('./help.js');
    print(help('install'));
    return;
  }
  const name = engine ?? command.shift();
  if (name === undefined || !(engineNames as readonly string[]).includes(name) || command.length > 0) {
    usageError(`${verb}: an engine is needed: ${engineNames.join(', ')}`, `Try: barchan help install`);
  }
  const root = values.root ?? '/';
  const folder = dirname(native().monitorPath);
  const file = engineFiles[name as EngineName];
  const path = join(root, file.path);
  const old = contentOf(path);
  let text: string | undefined;
  try {
    if (verb === 'install') text = file.add(old?.toString(), join(values.to ?? folder, 'barchan-runtime'));
    else text = old === undefined ? undefined : file.remove(old.toString());
  } catch (error) {
    fail(`${verb}: cannot change ${path}: ${(error as Error).message}`);
  }
  const keepsPolicies = verb === 'uninstall' && isUsedElsewhere(root, name as EngineName);
  const more = keepsPolicies ? [] : await policyChanges(root, verb === 'uninstall');
  const changes = [{ path, text }, ...more].filter((one) => !isSame(contentOf(one.path), one.text));
  const copies = verb === 'install' && values.to !== undefined ? join(root, values.to) : undefined;
  if (values['dry-run']) {
    if (copies) print(`would copy ${programs.join(' and ')} to ${copies}\n`);
    for (const one of changes) print(describe(one));
    if (changes.length === 0) print('nothing would change\n');
    return;
  }
  if (copies) copyPrograms(folder, copies);
  for (const one of changes) {
    replace(one);
    print(`${one.text === undefined ? 'removed' : 'wrote'} ${one.path}\n`);
  }
  if (changes.length === 0) print('nothing to change\n');
  else print(`For ${name} to notice: ${file.reload}\n`);
}

function describe({ path, text }: Change): string {
  if (text === undefined) return `would remove ${path}\n`;
  if (typeof text !== 'string') return `would write ${path} (${text.length} bytes)\n`;
  return `would write ${path}:\n${text.replace(/^(?=.)/gm, '  ')}`;
}

export const main = (args: string[]): Promise<void> => change('install', args);
export const uninstall = (args: string[]): Promise<void> => change('uninstall', args);
