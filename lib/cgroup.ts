/** The control groups that this process can make others in: where the host's hierarchies are, and what they offer. */
import { accessSync, constants, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

export type Controller = 'memory' | 'cpu' | 'pids' | 'io' | 'cpuacct';

export interface Hierarchy {
  version: 1 | 2;
  /** Version 1: what it was mounted with. Version 2: empty, since that differs from group to group. */
  controllers: readonly string[];
  /** Where it is mounted. */
  mount: string;
  /** The folder of this process's own group; undefined where the mount does not show it. */
  own: string | undefined;
}

/** A group that a new one can be made in. */
export interface Parent {
  version: 1 | 2;
  directory: string;
}

/** Why there is none, to be read after "here: ". */
export class NoParent {
  constructor(readonly why: string) {}
}

const unescapePath = (text: string): string =>
  text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));

/** From the texts of /proc/self/mountinfo and /proc/self/cgroup. */
export function parseHierarchies(mountinfo: string, cgroup: string): Hierarchy[] {
  const paths = new Map<string, string>();
  for (const line of cgroup.split('\n')) {
    const [, , names, path] = /^(\d+):([^:]*):(.*)$/.exec(line) ?? [];
    if (names === undefined || path === undefined) continue;
    for (const name of names.split(',')) paths.set(name, path);
  }
  const found: Hierarchy[] = [];
  for (const line of mountinfo.split('\n')) {
    const [mounted = '', filesystem = ''] = line.split(' - ');
    const [type = '', , options = ''] = filesystem.split(' ');
    if (type !== 'cgroup' && type !== 'cgroup2') continue;
    const [, , , root = '', mount = ''] = mounted.split(' ').map(unescapePath);
    const words = options.split(',');
    const path = type === 'cgroup2' ? paths.get('') : words.map((word) => paths.get(word)).find(Boolean);
    const shown = path === undefined ? '..' : relative(root, path);
    found.push({
      version: type === 'cgroup2' ? 2 : 1,
      controllers: type === 'cgroup2' ? [] : words.filter((word) => paths.has(word)),
      mount,
      own: shown.startsWith('..') ? undefined : join(mount, shown),
    });
  }
  return found;
}

export function hierarchies(): Hierarchy[] {
  try {
    return parseHierarchies(
      readFileSync('/proc/self/mountinfo', 'utf8'),
      readFileSync('/proc/self/cgroup', 'utf8'),
    );
  } catch {
    return [];
  }
}

const words = (file: string): string[] => {
  try {
    return readFileSync(file, 'utf8').split(/\s+/).filter(Boolean);
  } catch {
    return [];
  }
};

const text = (file: string): string | undefined => {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    return undefined;
  }
};

/** What keeps this process from making groups in `directory` and moving processes there, or undefined. */
function refusal(directory: string): string | undefined {
  try {
    accessSync(directory, constants.W_OK);
    accessSync(join(directory, 'cgroup.procs'), constants.W_OK);
  } catch (error) {
    return `${directory} gives ${(error as NodeJS.ErrnoException).code}`;
  }
  // A hierarchy's root, and version 1, have no type. Processes cannot be moved below a group that is for threads.
  const type = text(join(directory, 'cgroup.type')) ?? 'domain';
  return type === 'domain' ? undefined : `${directory} is of type ${JSON.stringify(type)}`;
}

/** Lets groups in `directory` use these controllers of version 2. */
function enable(directory: string, missing: readonly string[]): boolean {
  // Some controllers could be shared out there all the same, and would make the group one for threads.
  const isRoot = text(join(directory, 'cgroup.type')) === undefined;
  if (!isRoot && text(join(directory, 'cgroup.procs')) !== '') return false;
  try {
    writeFileSync(join(directory, 'cgroup.subtree_control'), missing.map((name) => `+${name}`).join(' '));
    return true;
  } catch {
    return false;
  }
}

/**
 * In version 2 a group that has processes cannot share its controllers out, so that this process's own usually cannot be
 * the parent: the nearest one above it that does already share them is, as with container engines.
 */
function parentInTree(
  tree: Hierarchy,
  needed: readonly string[],
  given: string | undefined,
): Parent | NoParent {
  const start = given === undefined ? tree.own : join(tree.mount, given);
  if (start === undefined) return new NoParent(`this process's group is not below ${tree.mount}`);
  const offered = words(join(tree.mount, 'cgroup.controllers'));
  const absent = needed.filter((name) => !offered.includes(name));
  if (absent.length > 0) return new NoParent(`${tree.mount} has no controller ${absent.join(', ')}`);
  let why: string | undefined;
  for (let directory = start; ; directory = dirname(directory)) {
    const shared = words(join(directory, 'cgroup.subtree_control'));
    const missing = needed.filter((name) => !shared.includes(name));
    const refused = refusal(directory);
    if (!refused && (missing.length === 0 || (directory === start && enable(directory, missing))))
      return { version: 2, directory };
    why ??= refused ?? `${directory} does not share ${missing.join(', ')} out`;
    if (given !== undefined || directory === tree.mount) return new NoParent(why);
  }
}

/**
 * Where a group with these controllers can be made; one entry for each hierarchy, with its part of them. `given`: the
 * group to make it in, from the hierarchies' roots on; default: this process's own.
 */
export function findParents(
  needed: readonly Controller[],
  given: string | undefined,
  trees: readonly Hierarchy[] = hierarchies(),
): { controllers: Controller[]; parent: Parent | NoParent }[] {
  const byTree = new Map<Hierarchy | undefined, Controller[]>();
  const second = trees.find(({ version }) => version === 2);
  for (const controller of needed) {
    const name = controller === 'io' ? 'blkio' : controller;
    const tree = trees.find(({ controllers }) => controllers.includes(name)) ?? second;
    byTree.set(tree, [...(byTree.get(tree) ?? []), controller]);
  }
  return [...byTree].map(([tree, controllers]) => {
    if (!tree) return { controllers, parent: new NoParent('no control groups are mounted') };
    if (tree.version === 2) {
      // Processor time is counted in every group of version 2.
      const named = controllers.filter((name) => name !== 'cpuacct');
      return { controllers, parent: parentInTree(tree, named, given) };
    }
    const directory = given === undefined ? tree.own : join(tree.mount, given);
    if (directory === undefined)
      return { controllers, parent: new NoParent(`this process's group is not below ${tree.mount}`) };
    const refused = refusal(directory);
    return { controllers, parent: refused ? new NoParent(refused) : { version: 1, directory } };
  });
}
