/** What `run` and `trace` do with --image: which image is meant, and what of it is run, as "docker run" has it. */
import { existsSync } from 'node:fs';
import type { ImageOptions } from '../image/load.js';
import type { SandboxImage } from '../image/rootfs.js';
import { usageError } from './usage.js';

/** PATH or PATH:REFERENCE, where both may have colons, or an id. */
export function parseImage(text: string): Pick<ImageOptions, 'path' | 'reference'> {
  if (existsSync(text) || /^sha256:[0-9a-f]{64}$/.test(text)) return { path: text };
  for (let colon = text.lastIndexOf(':'); colon > 0; colon = text.lastIndexOf(':', colon - 1)) {
    const path = text.slice(0, colon);
    if (existsSync(path) && colon + 1 < text.length) return { path, reference: text.slice(colon + 1) };
  }
  return { path: text };
}

/** The program to run: the image's entrypoint, or --entrypoint, with `command` or the image's own arguments. */
export function imageCommand(
  verb: string,
  { config }: SandboxImage,
  command: readonly string[],
  entrypoint: string | undefined,
): readonly string[] {
  const before = entrypoint === undefined ? config.entrypoint : entrypoint === '' ? [] : [entrypoint];
  // As with docker: another entrypoint does not want the image's arguments.
  const after = command.length > 0 ? command : entrypoint === undefined ? config.cmd : [];
  const argv = [...before, ...after];
  if (argv.length === 0)
    usageError(
      `${verb}: the image names no program, and none was given`,
      `Try: barchan ${verb} --image PATH -- sh`,
    );
  return argv;
}
