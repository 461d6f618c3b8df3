/** What containers may leave behind: files, control groups, processes. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import type { Box } from './bed.js';

/** Everything below a runtime's root but the note on its version. */
export const leftovers = (box: Box) =>
  existsSync(box.runtime.root)
    ? readdirSync(box.runtime.root, { recursive: true, encoding: 'utf8' }).filter(
        (name) => !/^(crun|runc|bundles|checked-\w+)$/.test(name),
      )
    : [];

export const processesWith = (text: string) =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cgroup`, 'utf8').includes(text);
      } catch {
        return false;
      }
    });

export const cgroupsWith = (text: string) =>
  spawnSync('find', ['/sys/fs/cgroup', '-maxdepth', '4', '-name', `*${text}*`], { encoding: 'utf8' }).stdout;

/** Processes of a runtime that make a container of this bundle. */
export function runtimesOf(bundle: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
        return words.includes('create') && words.includes(bundle);
      } catch {
        return false;
      }
    });
}
