/**
 * What a bed is made of, from Debian packages only: a kernel with KVM modules and a static busybox, downloaded and
 * unpacked once per kernel version into the cache ($BARCHAN_BEDS, $XDG_CACHE_HOME/barchan-beds or build/beds).
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** @returns {string} */
function cacheDirectory() {
  if (process.env.BARCHAN_BEDS) return process.env.BARCHAN_BEDS;
  if (process.env.XDG_CACHE_HOME) return join(process.env.XDG_CACHE_HOME, 'barchan-beds');
  return join(root, 'build/beds');
}

/** Throws with the package names when a command is missing. @param {Record<string, string>} commands command -> package */
export function requireCommands(commands) {
  const directories = [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/sbin'];
  const missing = Object.entries(commands).filter(
    ([name]) => !directories.some((d) => existsSync(join(d, name))),
  );
  if (missing.length > 0) {
    const packages = [...new Set(missing.map(([, name]) => name))].join(' ');
    throw new Error(`missing ${missing.map(([name]) => name).join(', ')}: apt-get install ${packages}`);
  }
}

/**
 * @typedef {object} Kernel
 * @property {string} image  path of vmlinuz
 * @property {string} release
 * @property {string} busybox  path of a static busybox
 * @property {(name: string) => string} module  path of a kernel module, by its name
 */

const quiet = ['-qq', '-o', 'APT::Sandbox::User=root', '-o', 'Acquire::Retries=3'];

/** Downloads and unpacks kernel and busybox into `directory`. @param {string} directory @returns {string} release */
function fetchPackages(directory) {
  const depends = execFileSync('apt-cache', ['depends', 'linux-image-cloud-amd64'], { encoding: 'utf8' });
  const name = /Depends: (linux-image-\d\S*)/.exec(depends)?.[1];
  if (!name) throw new Error('no kernel package behind linux-image-cloud-amd64');
  execFileSync('apt-get', ['download', ...quiet, name, 'busybox-static'], {
    cwd: directory,
    stdio: 'inherit',
  });
  for (const file of readdirSync(directory).filter((entry) => entry.endsWith('.deb'))) {
    execFileSync('dpkg-deb', ['-x', file, 'tree'], { cwd: directory });
    rmSync(join(directory, file));
  }
  return name.replace('linux-image-', '');
}

/** Fills the cache; another process may be doing the same. @param {string} cache */
function fillCache(cache) {
  const partial = `${cache}.${process.pid}.part`;
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(partial, { recursive: true });
  let release = '';
  try {
    release = fetchPackages(partial);
  } catch {
    // Package lists that are missing or older than the archive.
    execFileSync('apt-get', ['update', ...quiet], { stdio: 'inherit' });
    release = fetchPackages(partial);
  }
  writeFileSync(join(partial, 'ready'), release);
  try {
    renameSync(partial, cache); // fails where the other was first
  } catch (error) {
    rmSync(partial, { recursive: true, force: true });
    if (!existsSync(join(cache, 'ready'))) throw error;
  }
}

/** Debian's current cloud kernel (small, no drivers that a bed does not need). @returns {Kernel} */
export function kernel() {
  const cache = cacheDirectory();
  const ready = join(cache, 'ready');
  if (!existsSync(ready)) fillCache(cache);
  const release = readFileSync(ready, 'utf8').trim();
  const modules = join(cache, 'tree/lib/modules', release, 'kernel');
  /** @type {Record<string, string>} */
  const folders = {
    irqbypass: 'virt/lib',
    kvm: 'arch/x86/kvm',
    'kvm-intel': 'arch/x86/kvm',
    'kvm-amd': 'arch/x86/kvm',
  };
  return {
    image: join(cache, 'tree/boot', `vmlinuz-${release}`),
    release,
    busybox: join(cache, 'tree/bin/busybox'),
    module: (name) => join(modules, folders[name] ?? '', `${name}.ko`),
  };
}

/**
 * A copy of a module without debugging sections and BTF, which an emulated processor takes long to read.
 * @param {Kernel} from @param {string} name @param {string} directory @returns {string}
 */
export function slimModule(from, name, directory) {
  const output = join(directory, `${name}.ko`);
  execFileSync('objcopy', ['-g', '-R', '.BTF', from.module(name), output]);
  return output;
}
