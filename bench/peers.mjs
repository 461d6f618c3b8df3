/** The ways to run a program that are compared: natively, under Barchan, and under what else is installed. */
import { execFile, execFileSync, spawn } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));
const barchanCli = join(root, 'dist/cli/main.js');

/** @param {string} program */
export function installed(program) {
  try {
    return execFileSync('sh', ['-c', 'command -v "$1"', 'sh', program], { encoding: 'utf8' }).trim();
  } catch {
    return undefined;
  }
}

/** The programs of `names` that are not there. @param {readonly string[]} names */
export const absent = (names) => names.filter((name) => installed(name) === undefined);

/** @param {string} program @param {string[]} args */
const version = (program, args) => {
  try {
    return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
      .split('\n')[0]
      ?.trim();
  } catch {
    return undefined;
  }
};

/** Versions of all that is compared, and of what is run in it. */
export function versions() {
  const asked = {
    bwrap: ['--version'],
    crun: ['--version'],
    runc: ['--version'],
    runsc: ['--version'],
    busybox: [],
    python3: ['--version'],
    gcc: ['--version'],
    git: ['--version'],
    openssl: ['version'],
    sqlite3: ['--version'],
    'redis-server': ['--version'],
  };
  /** @type {Record<string, string>} */
  const found = { node: process.version };
  for (const [name, args] of Object.entries(asked))
    found[name] = installed(name) ? (version(name, args) ?? 'does not say its version') : 'not installed';
  return found;
}

/**
 * Runs to the end and resolves with milliseconds; rejects when the status is not 0.
 * @param {readonly string[]} command @returns {Promise<number>}
 */
export function elapsed([file, ...args]) {
  return new Promise((resolve, reject) => {
    const start = performance.now();
    const child = spawn(/** @type {string} */ (file), args, { stdio: ['ignore', 'ignore', 'pipe'] });
    let stderr = '';
    child.stderr.on('data', (chunk) => {
      if (stderr.length < 1000) stderr += chunk;
    });
    child.once('error', reject);
    child.once('exit', (status, signal) => {
      const took = performance.now() - start;
      if (status === 0) resolve(took);
      else reject(new Error(`${file} ${args.join(' ')}: ${status ?? signal}: ${stderr}`));
    });
  });
}

/** Runs to the end and resolves with what it wrote. @param {readonly string[]} command */
export async function output([file, ...args]) {
  const { stdout } = await promisify(execFile)(/** @type {string} */ (file), args, {
    timeout: 120_000,
    maxBuffer: 64 << 20,
  });
  return stdout;
}

/**
 * @typedef {object} Way
 * @property {(command: readonly string[]) => string[]} command  what to execute for it; not twice at once
 * @property {() => Promise<void>} remove  ends what the last one may have left
 */

/** @param {readonly string[]} prefix @returns {Way} */
const prefixed = (prefix) => ({
  command: (command) => [...prefix, ...command],
  remove: async () => {},
});

/** crun refuses hosts with version 1 hierarchies beside version 2, unless it need not make groups. */
const runtimes = {
  crun: ['--cgroup-manager=disabled'],
  runc: [],
  runsc: ['--platform=ptrace', '--rootless=false', '--ignore-cgroups'],
};
let containers = 0;

/** What is left of /tmp when this process ends. @type {Set<string>} */
const bundles = new Set();
process.once('exit', () => {
  for (const bundle of bundles) rmSync(bundle, { recursive: true, force: true });
});
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));

/** The scheduler's class of this process, which what it starts has too: what else runs falls on all ways or on none. */
export const scheduling = (() => {
  const stat = readFileSync('/proc/self/stat', 'utf8');
  // Field 41 of proc_pid_stat(5); the third is the first behind the name.
  const policy = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[41 - 3]);
  return { 0: 'normal', 1: 'first in, first out', 2: 'round robin' }[policy] ?? `class ${policy}`;
})();

/**
 * How a runtime is started, before its verb. A group that runc makes has no real time to give, and so takes no process that
 * needs it.
 * @param {keyof typeof runtimes} name @param {boolean} network
 */
const invocation = (name, network) => [
  ...(name === 'runc' && scheduling !== 'normal' && installed('chrt') ? ['chrt', '--other', '0'] : []),
  name,
  ...runtimes[name],
  ...(name === 'runsc' ? [`--network=${network ? 'host' : 'none'}`] : []),
];

/** @param {readonly string[]} words @param {string} id */
const removed = async ([file, ...words], id) => {
  await promisify(execFile)(/** @type {string} */ (file), [...words, 'delete', '--force', id]).catch(
    () => undefined,
  );
};

/**
 * What a bundle's config.json says, with a /proc and an empty /dev before the mounts given.
 * @param {{ args: readonly string[], env: readonly string[], mounts: readonly object[], namespaces: readonly string[] }} given
 */
const configuration = ({ args, env, mounts, namespaces }) => ({
  ociVersion: '1.0.2',
  process: {
    terminal: false,
    user: { uid: 0, gid: 0 },
    args,
    env,
    cwd: '/',
    noNewPrivileges: true,
  },
  root: { path: 'rootfs', readonly: true },
  hostname: 'bench',
  mounts: [
    { destination: '/proc', type: 'proc', source: 'proc' },
    { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'mode=755'] },
    ...mounts,
  ],
  linux: { namespaces: namespaces.map((type) => ({ type })) },
});

/**
 * The host's programs and its /tmp in a container; everything in a way for one command at a time, without its time.
 * @param {keyof typeof runtimes} name @param {boolean} network  the host's @returns {Way}
 */
function contained(name, network) {
  const bundle = mkdtempSync(join(tmpdir(), 'barchan-bundle-'));
  bundles.add(bundle);
  const rootfs = join(bundle, 'rootfs');
  const shown = ['/usr', '/bin', '/sbin', '/lib', '/lib64', '/etc'].filter((folder) => existsSync(folder));
  for (const folder of [...shown, '/tmp', '/proc', '/dev', '/sys', '/root'])
    mkdirSync(join(rootfs, folder), { recursive: true });
  const bind = (/** @type {string} */ folder, /** @type {string} */ mode) => ({
    destination: folder,
    type: 'bind',
    source: realpathSync(folder),
    options: ['rbind', mode],
  });
  const namespaces = ['pid', 'ipc', 'uts', 'mount', ...(network ? [] : ['network'])];
  const words = invocation(name, network);
  let id = '';
  return {
    command: (args) => {
      id = `bench-${process.pid}-${containers++}`;
      const config = configuration({
        args,
        env: Object.entries(process.env).map(([key, value]) => `${key}=${value}`),
        mounts: [...shown.map((folder) => bind(folder, 'ro')), bind('/tmp', 'rw')],
        namespaces,
      });
      writeFileSync(join(bundle, 'config.json'), JSON.stringify(config));
      return [...words, 'run', '--bundle', bundle, id];
    },
    remove: () => removed(words, id),
  };
}

/** Why a peer is not measured, by its name. @type {Map<string, string>} */
export const missingPeers = new Map(
  absent(['bwrap', ...Object.keys(runtimes)]).map((name) => [name, `${name} is not installed`]),
);
if (process.getuid?.() !== 0)
  for (const name of Object.keys(runtimes)) missingPeers.set(name, `${name} needs root here`);

/**
 * All ways there are to run a command with the host's files.
 * @param {{ network?: boolean, sandbox?: boolean }} [options] `network`: the host's, as natively; `sandbox`: also Barchan's
 *   isolation, which shows no host's /tmp
 */
export function ways({ network = false, sandbox = false } = {}) {
  const run = [process.execPath, barchanCli, 'run'];
  /** @type {Map<string, Way>} */
  const found = new Map([
    ['native', prefixed([])],
    ['barchan', prefixed([...run, '--'])],
  ]);
  if (sandbox) found.set('barchan --sandbox', prefixed([...run, '--sandbox', '--']));
  if (!missingPeers.has('bwrap')) {
    const share = network ? ['--share-net'] : [];
    const shown = ['--ro-bind', '/', '/', '--dev', '/dev', '--proc', '/proc', '--bind', '/tmp', '/tmp'];
    found.set('bwrap', prefixed(['bwrap', '--unshare-all', ...share, '--die-with-parent', ...shown, '--']));
  }
  for (const name of /** @type {(keyof typeof runtimes)[]} */ (Object.keys(runtimes)))
    if (!missingPeers.has(name))
      found.set(name === 'runsc' ? 'runsc (ptrace)' : name, contained(name, network));
  return found;
}

/**
 * A container of a static busybox alone, as small as one can be.
 * @param {readonly string[]} args
 */
export function busyboxContainers(args) {
  const bundle = mkdtempSync(join(tmpdir(), 'barchan-busybox-'));
  bundles.add(bundle);
  mkdirSync(join(bundle, 'rootfs/bin'), { recursive: true });
  for (const folder of ['proc', 'dev', 'sys']) mkdirSync(join(bundle, 'rootfs', folder));
  copyFileSync(installed('busybox') ?? '/bin/busybox', join(bundle, 'rootfs/bin/busybox'));
  const namespaces = ['pid', 'ipc', 'uts', 'mount', 'network'];
  const config = configuration({
    args: ['/bin/busybox', ...args],
    env: ['PATH=/bin'],
    mounts: [],
    namespaces,
  });
  writeFileSync(join(bundle, 'config.json'), JSON.stringify(config));
  /** @type {Map<string, () => { command: string[], remove: () => Promise<void> }>} */
  const found = new Map();
  for (const name of /** @type {(keyof typeof runtimes)[]} */ (Object.keys(runtimes))) {
    if (missingPeers.has(name)) continue;
    const words = invocation(name, false);
    found.set(name === 'runsc' ? 'runsc (ptrace)' : name, () => {
      const id = `bench-${process.pid}-${containers++}`;
      return {
        command: [...words, 'run', '--bundle', bundle, id],
        remove: () => removed(words, id),
      };
    });
  }
  return { found, remove: () => rmSync(bundle, { recursive: true, force: true }) };
}
