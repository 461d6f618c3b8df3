/** What a sandbox whose root is an image takes from it, as docker does where the caller does not say. */
import { existsSync } from 'node:fs';
import { SandboxError } from '../errors.js';
import type { ImageRootfs, IsolationOptions, Mount, Rootfs } from '../isolation.js';
import { type ImageConfig, imageEnv, resolveUser } from './config.js';
import { accountsFile, type HeldImage, holdImage, type ImageOptions } from './load.js';

/** The image that a sandbox shows. */
export interface SandboxImage {
  /** "sha256:..." of its configuration. */
  id: string;
  config: ImageConfig;
  /** What a program is given when the caller does not say: PATH, HOME and the image's own. */
  env: Record<string, string>;
}

export interface PreparedImage extends SandboxImage {
  /** The caller's options, with a folder for a root. */
  isolation: IsolationOptions;
  cwd: string;
  /** See Description. */
  knownIds: number;
  release(): void;
}

const imageOptions = (image: ImageRootfs['image']): ImageOptions =>
  typeof image === 'string' ? { path: image } : image;

const mostIds = 65_536;

const covers = (mount: Mount, path: string): boolean => {
  const target = 'tmpfs' in mount ? mount.tmpfs : mount.target;
  return path === target || path.startsWith(`${target}/`);
};

/** With the host's network, names are the host's as well. */
function hostNames(options: IsolationOptions): Mount[] {
  if (options.network !== 'host') return [];
  return ['/etc/hosts', '/etc/resolv.conf']
    .filter((path) => existsSync(path) && !(options.mounts ?? []).some((mount) => covers(mount, path)))
    .map((path) => ({ source: path, target: path }));
}

/** Pre: the options are valid and have an image. Rejects as holdImage() does. */
export async function prepareImage(options: IsolationOptions): Promise<PreparedImage> {
  const { image: given, writable = 'tmpfs' } = options.rootfs as ImageRootfs;
  const image: HeldImage = await holdImage(imageOptions(given));
  try {
    const { config, id } = image.record;
    const passwd = accountsFile(image, 'passwd');
    const user = options.user ?? resolveUser(config.user, passwd, accountsFile(image, 'group'));
    const rootfs: Rootfs = { directory: image.rootfs, writable };
    return {
      id,
      config,
      isolation: { ...options, rootfs, user, mounts: [...hostNames(options), ...(options.mounts ?? [])] },
      cwd: config.workingDir,
      // Files of others could not even be copied into a layer that takes changes.
      knownIds: image.owners === 'keep' ? mostIds : 0,
      env: imageEnv(config, user.uid, passwd),
      release: () => image.release(),
    };
  } catch (error) {
    image.release();
    throw error instanceof SandboxError
      ? error
      : new SandboxError('ERR_IMAGE_CACHE', `Cannot read the image: ${(error as Error).message}`, {
          cause: error,
        });
  }
}
