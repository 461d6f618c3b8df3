/** What a program in a sandbox must leave as it is, to be compared before and after. */
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';

/** Mounts of this namespace, but for those of engines of containers, which other tests run meanwhile. */
export function mounts(): string[] {
  const engines = /oci-|docker|containerd|containers|netns|podman/;
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .filter((point) => point !== '' && !engines.test(point))
    .sort();
}

/** The host's name and its mounts. */
export const hostState = (): string => `${hostname()}: ${mounts().join(' ')}`;
