/**
 * An image's files as they are so far, in memory: what layers say is looked up here and never on the disk, so that no
 * name of an image is ever resolved by the kernel. Links are followed as in a root of their own.
 */
import { invalid, show } from './errors.js';
import type { Limits } from './limits.js';

export interface Folder {
  kind: 'folder';
  children: Map<string, Node>;
  mode: number;
  mtime: number;
  /** The number of the last layer that had it. */
  layer: number;
}

export interface Leaf {
  kind: 'file' | 'link';
  /** Of a link. */
  target: string;
  layer: number;
}

export type Node = Folder | Leaf;

/** A name in a folder whose names, from the root on, are `path`: none of them is a link. */
export interface Place {
  folder: Folder;
  path: readonly string[];
  name: string;
}

const mostLinks = 40; // as in path_resolution(7)

export const newFolder = (layer: number): Folder => ({
  kind: 'folder',
  children: new Map(),
  mode: 0o755,
  mtime: 0,
  layer,
});

/** The names of a path in an image; none for the root. Throws ERR_IMAGE_INVALID, ERR_IMAGE_TOO_LARGE by `tooLong`. */
export function split(path: string): string[] {
  const names = path.split('/').filter((name) => name !== '' && name !== '.');
  for (const name of names) {
    if (name === '..') throw invalid(`the path ${show(path)} leads upwards`);
    if (name.length > 255) throw invalid(`a name in ${show(path)} is longer than 255 bytes`);
  }
  return names;
}

export class Tree {
  readonly root = newFolder(0);
  readonly #limits: Limits;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  /**
   * Where the last of `names` is: all before it are followed, and `make`, where it is given, is called for folders that
   * are missing. undefined: they are missing. Throws ERR_IMAGE_INVALID where something on the way is no folder.
   */
  place(names: readonly string[], make?: (place: Place) => Folder): Place | undefined {
    const name = names.at(-1) as string;
    const found = this.#walk(names.slice(0, -1), make);
    return found && { ...found, name };
  }

  /** What `names` refers to in the end, through links too; `path` is where it is. undefined: it is not there. */
  find(names: readonly string[]): { node: Node; path: string[] } | undefined {
    try {
      return this.#find(names);
    } catch {
      return undefined; // something on the way is no folder, or links lead in a circle
    }
  }

  #find(names: readonly string[]): { node: Node; path: string[] } | undefined {
    let links = mostLinks;
    for (let rest = [...names]; ; ) {
      if (rest.length === 0) return { node: this.root, path: [] };
      const place = this.#walk(rest.slice(0, -1));
      const name = rest.at(-1) as string;
      if (name === '..') {
        const above = this.#walk(rest);
        return above && { node: above.folder, path: [...above.path] };
      }
      const node = place?.folder.children.get(name);
      if (!place || !node) return undefined;
      if (node.kind !== 'link') return { node, path: [...place.path, name] };
      if (links-- === 0) return undefined;
      const target = node.target.split('/').filter((part) => part !== '' && part !== '.');
      rest = node.target.startsWith('/') ? target : [...place.path, ...target];
    }
  }

  #walk(
    names: readonly string[],
    make?: (place: Place) => Folder,
  ): { folder: Folder; path: string[] } | undefined {
    const folders: Folder[] = [this.root];
    const path: string[] = [];
    let links = mostLinks;
    const rest = [...names].reverse();
    for (let name = rest.pop(); name !== undefined; name = rest.pop()) {
      const folder = folders.at(-1) as Folder;
      if (name === '..') {
        // Only from links: there is nothing above the root.
        if (path.length > 0) {
          path.pop();
          folders.pop();
        }
        continue;
      }
      const node = folder.children.get(name);
      if (node?.kind === 'link') {
        if (links-- === 0) throw invalid(`links at ${show(path.concat(name).join('/'))} lead in a circle`);
        const target = node.target.split('/').filter((part) => part !== '' && part !== '.');
        if (node.target.startsWith('/')) {
          folders.length = 1;
          path.length = 0;
        }
        rest.push(...target.reverse());
        if (rest.length > this.#limits.pathBytes) throw invalid('a path through links is too long');
        continue;
      }
      if (node?.kind === 'file') throw invalid(`${show(path.concat(name).join('/'))} is no folder`);
      if (!node && !make) return undefined;
      const next = node ?? (make as (place: Place) => Folder)({ folder, path, name });
      folders.push(next as Folder);
      path.push(name);
    }
    return { folder: folders.at(-1) as Folder, path };
  }
}
