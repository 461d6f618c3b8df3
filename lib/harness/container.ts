/**
 * runc and crun as docker calls them: its capabilities, masked paths, devices, and its seccomp profile as this machine has it.
 * Their root is the host's folders to read only, as that of barchan's sandboxes.
 */
import { spawn } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  rmdirSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { hierarchies } from '../cgroup.js';
import type { AttackRun } from './attack.js';
import { type Assault, type Isolation, limitPairs, notForPeers, versionOf } from './isolation.js';
import { abandonedFolders, killByEnvironment, makeFolder, removeFolder } from './leftovers.js';
import { inside, runOutside, searchPath } from './outside.js';

export type ContainerEngine = 'runc' | 'crun';

/** Docker's default profile, in its own form, as the packages of containers bring it. */
const profiles = ['/usr/share/containers/seccomp.json', '/etc/containers/seccomp.json'];

/** docker run's, without --cap-add. */
const capabilities = [
  ...[
    'CHOWN',
    'DAC_OVERRIDE',
    'FSETID',
    'FOWNER',
    'MKNOD',
    'NET_RAW',
    'SETGID',
    'SETUID',
    'SETFCAP',
    'SETPCAP',
  ],
  ...['NET_BIND_SERVICE', 'SYS_CHROOT', 'KILL', 'AUDIT_WRITE'],
].map((name) => `CAP_${name}`);

interface ProfileRule {
  names: string[];
  action: string;
  args?: unknown[] | null;
  errnoRet?: number;
  includes?: { arches?: string[]; caps?: string[] };
  excludes?: { caps?: string[] };
}

/** The profile as runtimes take it: for this processor, without further capabilities. */
function seccomp(file: string): object {
  const profile = JSON.parse(readFileSync(file, 'utf8')) as {
    defaultAction: string;
    defaultErrnoRet?: number;
    syscalls: ProfileRule[];
  };
  const has = (caps: string[] | undefined): boolean => !!caps?.some((name) => capabilities.includes(name));
  const fits = ({ includes, excludes }: ProfileRule): boolean =>
    (!includes?.arches || includes.arches.includes('amd64')) &&
    (!includes?.caps || has(includes.caps)) &&
    !has(excludes?.caps);
  return {
    defaultAction: profile.defaultAction,
    defaultErrnoRet: profile.defaultErrnoRet,
    architectures: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32'],
    syscalls: profile.syscalls
      .filter(fits)
      .map(({ names, action, args, errnoRet }) => ({ names, action, args: args ?? [], errnoRet })),
  };
}

const maskedPaths = [
  ...['/proc/asound', '/proc/acpi', '/proc/kcore', '/proc/keys', '/proc/latency_stats', '/proc/timer_list'],
  ...[
    '/proc/timer_stats',
    '/proc/sched_debug',
    '/proc/scsi',
    '/sys/firmware',
    '/sys/devices/virtual/powercap',
  ],
];
const readonlyPaths = ['bus', 'fs', 'irq', 'sys', 'sysrq-trigger'].map((name) => `/proc/${name}`);

/** The host's folders that are shown, as far as they are there. */
const shown = ['/usr', '/etc', '/bin', '/sbin', '/lib', '/lib64', '/opt', '/root', '/srv', '/home'];

const mount = (destination: string, type: string, ...options: string[]): object => ({
  destination,
  type,
  source: type,
  options,
});
const bind = (source: string, destination: string): object => ({
  destination,
  type: 'bind',
  source,
  options: ['rbind', 'ro', 'nosuid', 'nodev'],
});

function config({ attack, program, told }: Assault, binds: readonly string[], profile: string): object {
  const { rlimits, user, scratchBytes } = attack.options;
  return {
    ociVersion: '1.0.2',
    process: {
      terminal: false,
      // Without a user namespace the user inside is the one outside.
      user: { uid: user?.hostUid ?? user?.uid ?? 0, gid: user?.hostGid ?? user?.gid ?? 0 },
      args: [inside],
      env: Object.entries({ PATH: searchPath, ...told }).map(([name, value]) => `${name}=${value}`),
      cwd: '/',
      capabilities: user?.uid
        ? { bounding: capabilities }
        : { bounding: capabilities, effective: capabilities, permitted: capabilities },
      rlimits: limitPairs(rlimits ?? {}).map(({ name, soft, hard }) => ({
        type: `RLIMIT_${name.toUpperCase()}`,
        soft,
        hard,
      })),
      noNewPrivileges: false,
    },
    root: { path: 'root', readonly: true },
    hostname: 'sandbox',
    mounts: [
      mount('/proc', 'proc', 'nosuid', 'noexec', 'nodev'),
      mount('/dev', 'tmpfs', 'nosuid', 'strictatime', 'mode=755', 'size=65536k'),
      mount('/dev/pts', 'devpts', 'nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'),
      mount('/dev/shm', 'tmpfs', 'nosuid', 'noexec', 'nodev', 'mode=1777', 'size=65536k'),
      mount('/dev/mqueue', 'mqueue', 'nosuid', 'noexec', 'nodev'),
      mount('/sys', 'sysfs', 'nosuid', 'noexec', 'nodev', 'ro'),
      mount('/tmp', 'tmpfs', 'nosuid', 'mode=1777', ...(scratchBytes ? [`size=${scratchBytes}`] : [])),
      mount('/run', 'tmpfs', 'nosuid', 'mode=755'),
      ...binds.map((path) => bind(path, path)),
      bind(program, inside),
    ],
    linux: {
      resources: { devices: [{ allow: false, access: 'rwm' }] },
      namespaces: ['pid', 'network', 'ipc', 'uts', 'mount'].map((type) => ({ type })),
      maskedPaths,
      readonlyPaths,
      seccomp: seccomp(profile),
    },
  };
}

/** A root of mount points and the host's symbolic links; returns the folders to be mounted. */
function makeRoot(folder: string): string[] {
  for (const name of ['proc', 'dev', 'sys', 'tmp', 'run', 'var'])
    mkdirSync(join(folder, name), { recursive: true });
  return shown.filter((path) => {
    const place = join(folder, path);
    if (!existsSync(path)) return false;
    if (lstatSync(path).isSymbolicLink()) {
      symlinkSync(readlinkSync(path), place);
      return false;
    }
    mkdirSync(place);
    return true;
  });
}

/** crun takes no version-2 hierarchy beside those of version 1: it gets a mount namespace of its own, without the former. */
const withoutHybrid = (words: readonly string[]): [string, ...string[]] =>
  existsSync('/sys/fs/cgroup/unified')
    ? [
        ...(['unshare', '--mount', '--propagation', 'private', 'sh', '-c'] as const),
        ...['umount /sys/fs/cgroup/unified; exec "$@"', 'sh', ...words],
      ]
    : (words as [string, ...string[]]);

const commandOf = (engine: ContainerEngine, folder: string, ...words: string[]): [string, ...string[]] =>
  withoutHybrid([engine, '--root', join(folder, 'state'), ...words]);

const longestDeleteMs = 20_000;

/** What tells the processes of an engine from all others. */
const variable = 'BARCHAN_HARNESS_FOLDER';

/** The container's; an engine that was ended early has left them. */
function removeGroups(id: string): void {
  for (const { mount, own } of hierarchies())
    for (const parent of new Set([mount, own ?? mount])) {
      try {
        rmdirSync(join(parent, id));
      } catch {} // there is none
    }
}

/** Ends and removes the container whose files are in `folder`. Resolves in any case: when it is gone already, too. */
async function remove(engine: ContainerEngine, folder: string): Promise<void> {
  killByEnvironment(new Set([`${variable}=${folder}`]));
  const [program, ...words] = commandOf(engine, folder, 'delete', '--force', basename(folder));
  await new Promise<void>((resolve) => {
    // In a group of its own, since a Ctrl-C must not end it.
    spawn(program, words, {
      detached: true,
      stdio: 'ignore',
      timeout: longestDeleteMs,
      killSignal: 'SIGKILL',
    })
      .once('error', () => resolve())
      .once('exit', () => resolve());
  });
  removeGroups(basename(folder));
}

/** Removes the containers of runs that were killed. */
export async function removeAbandonedContainers(): Promise<void> {
  for (const engine of ['runc', 'crun'] as const)
    for (const folder of abandonedFolders(engine)) {
      await remove(engine, folder);
      removeFolder(folder);
    }
}

async function run(
  engine: ContainerEngine,
  profile: string,
  { signal, ...assault }: Assault,
): Promise<AttackRun> {
  const folder = makeFolder(engine);
  const end = (): Promise<void> => remove(engine, folder);
  try {
    const bundle = join(folder, 'bundle');
    mkdirSync(bundle);
    const binds = makeRoot(join(bundle, 'root'));
    writeFileSync(join(bundle, 'config.json'), JSON.stringify(config(assault, binds, profile)));
    const passed = assault.attack.passes ? ['--preserve-fds', '1'] : [];
    const command = {
      argv: commandOf(engine, folder, 'run', ...passed, '--bundle', bundle, basename(folder)),
      env: { ...process.env, [variable]: folder },
      wraps: true,
      end,
    };
    return await runOutside(assault.attack, assault.told, command, signal);
  } finally {
    await end();
    removeFolder(folder);
  }
}

export function container(engine: ContainerEngine): Isolation {
  const version = versionOf(engine);
  const profile = profiles.find((file) => existsSync(file));
  const missing =
    version === undefined
      ? `${engine} is not here (package ${engine})`
      : process.getuid?.() !== 0
        ? `${engine} needs root here`
        : profile === undefined
          ? `docker's seccomp profile is not here (${profiles[0]}, package golang-github-containers-common)`
          : undefined;
  return {
    name: engine,
    version,
    missing,
    passesOver: notForPeers,
    permits: () => [],
    couldNotStart: ({ exitCode, stderr }) => exitCode !== 0 && stderr !== '',
    run: (assault) => run(engine, profile ?? '', assault),
  };
}
