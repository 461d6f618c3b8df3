/** The ways to run a program that are compared: natively, under Barchan, and under what else is installed. */
import { execFileSync, spawn } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

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

/** @param {string} program @param {string[]} args */
const version = (program, args) => {
  try {
    return execFileSync(program, args, { encoding: 'utf8' }).split('\n')[0]?.trim();
  } catch {
    return undefined;
  }
};

/** Versions of all that is compared. */
export function peerVersions() {
  const runsc = installed('runsc');
  return {
    node: process.version,
    bwrap: installed('bwrap') && version('bwrap', ['--version']),
    crun: installed('crun') && version('crun', ['--version']),
    runc: installed('runc') && version('runc', ['--version']),
    runsc: runsc && version(runsc, ['--version']),
  };
}

/**
 * Runs to the end and resolves with milliseconds; rejects when the status is not 0.
 * @param {string} file @param {readonly string[]} args @param {{ cwd?: string, env?: NodeJS.ProcessEnv }} [options]
 * @returns {Promise<number>}
 */
export function elapsed(file, args, options = {}) {
  return new Promise((resolve, reject) => {
    const start = performance.now();
    const child = spawn(file, args, { stdio: ['ignore', 'ignore', 'pipe'], ...options });
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

/** Runs to the end and resolves with what it wrote. @param {string} file @param {readonly string[]} args */
export function output(file, args, options = {}) {
  return execFileSync(file, args, { encoding: 'utf8', timeout: 120_000, maxBuffer: 64 << 20, ...options });
}

/**
 * How a command line becomes another one: what stands before it, for ways that see the host's files.
 * @type {Record<string, readonly string[] | undefined>}
 */
export const prefixes = {
  native: [],
  barchan: [process.execPath, barchanCli, 'run', '--'],
  'barchan --sandbox': [process.execPath, barchanCli, 'run', '--sandbox', '--'],
  bwrap: installed('bwrap')
    ? [
        'bwrap',
        '--unshare-all',
        '--ro-bind',
        '/',
        '/',
        '--dev',
        '/dev',
        '--proc',
        '/proc',
        '--tmpfs',
        '/tmp',
        '--',
      ]
    : undefined,
};

/**
 * A bundle with a static busybox alone, for runtimes of containers.
 * @param {readonly string[]} args
 */
export function busyboxBundle(args) {
  const bundle = mkdtempSync(join(tmpdir(), 'barchan-bundle-'));
  mkdirSync(join(bundle, 'rootfs/bin'), { recursive: true });
  for (const folder of ['proc', 'dev', 'sys']) mkdirSync(join(bundle, 'rootfs', folder));
  copyFileSync(installed('busybox') ?? '/bin/busybox', join(bundle, 'rootfs/bin/busybox'));
  const namespaces = ['pid', 'ipc', 'uts', 'mount', 'network'].map((type) => ({ type }));
  const config = {
    ociVersion: '1.0.2',
    process: {
      terminal: false,
      user: { uid: 0, gid: 0 },
      args: ['/bin/busybox', ...args],
      env: ['PATH=/bin'],
      cwd: '/',
      noNewPrivileges: true,
    },
    root: { path: 'rootfs', readonly: true },
    hostname: 'bench',
    mounts: [{ destination: '/proc', type: 'proc', source: 'proc' }],
    linux: { namespaces },
  };
  writeFileSync(join(bundle, 'config.json'), JSON.stringify(config));
  return { bundle, remove: () => rmSync(bundle, { recursive: true, force: true }) };
}

/** Runtimes of containers that are installed, and how each runs a bundle once. */
export function runtimes() {
  let count = 0;
  const id = () => `bench-${process.pid}-${count++}`;
  /** @type {Map<string, (bundle: string) => Promise<number>>} */
  const found = new Map();
  // crun refuses hosts with version 1 hierarchies beside an empty version 2 one, unless it need not make groups.
  const flags = { crun: ['--cgroup-manager=disabled'], runc: [] };
  for (const [name, more] of Object.entries(flags)) {
    if (installed(name))
      found.set(name, (bundle) => elapsed(name, [...more, 'run', '--bundle', bundle, id()]));
  }
  if (installed('runsc')) {
    const ptrace = ['--platform=ptrace', '--network=none', '--rootless=false'];
    found.set('runsc (ptrace)', (bundle) => elapsed('runsc', [...ptrace, 'run', '--bundle', bundle, id()]));
  }
  return found;
}
