/** What a sandbox shows of the host and how it is described to the programs that make it. */
import { resolve } from 'node:path';
import type { ImageOptions } from './image/load.js';
import { type LimitPlan, type Limits, planLimits, type WeakenableLimit } from './limits.js';

/** `full`: namespaces, mounts and no privileges, as described below. `none`: a plain process runner. */
export type Isolation = 'full' | 'none';

/** Where changes to the root go: nowhere (it is read-only), to memory, or to a folder that keeps them. */
export type WritableLayer = false | 'tmpfs' | { directory: string };

export interface Rootfs {
  /** The folder that is shown as /. */
  directory: string;
  /** Default false. */
  writable?: WritableLayer | undefined;
}

/** An OCI image or an archive of `docker save` as a root (docs/images.md). */
export interface ImageRootfs {
  image: string | ImageOptions;
  /** Default 'tmpfs'. */
  writable?: WritableLayer | undefined;
}

/** A file or folder of the host, with all that is mounted below it. Set-user-ID and devices have no effect in it. */
export interface BindMount {
  source: string;
  /** Absolute, in the sandbox. Made where it is missing, as far as that place can be written. */
  target: string;
  /** Default true. */
  readOnly?: boolean | undefined;
  /** Default false. */
  noExec?: boolean | undefined;
}

export interface TmpfsMount {
  /** The target: absolute, in the sandbox. */
  tmpfs: string;
  /** Default 64 MiB. */
  sizeBytes?: number | undefined;
  /** Default false. */
  noExec?: boolean | undefined;
}

export type Mount = BindMount | TmpfsMount;

/** `none`: no interface is up; `loopback`: 127.0.0.1 and ::1 of the sandbox's own; `host`: the host's. */
export type Network = 'none' | 'loopback' | 'host';

/** The one user and group that exist in the sandbox, and who they are outside. */
export interface SandboxUser {
  uid: number;
  gid: number;
  /** Default: as root, `uid`; otherwise the only one possible, this process's own. */
  hostUid?: number | undefined;
  hostGid?: number | undefined;
}

/** Limits that the kernel keeps, by their RLIMIT_ numbers. */
export const rlimitNumbers = {
  cpu: 0,
  fsize: 1,
  data: 2,
  stack: 3,
  core: 4,
  nproc: 6,
  memlock: 8,
  as: 9,
  sigpending: 11,
  msgqueue: 12,
} as const;

/** `nofile` is kept by the monitor, whose own descriptors lie above it; it is at most 16,384. */
export type RlimitName = keyof typeof rlimitNumbers | 'nofile';
export type RlimitValue = number | 'unlimited';
export type Rlimits = Partial<
  Record<RlimitName, RlimitValue | { soft: RlimitValue; hard: RlimitValue } | undefined>
>;

export const weakerBits = { landlock: 1 << 0, sysfs: 1 << 1 } as const;
/** A part of the isolation that the caller can do without where the host does not have it. */
export type Weaker = keyof typeof weakerBits | WeakenableLimit;

export interface IsolationOptions {
  isolation?: Isolation | undefined;
  /** What is shown as /; default 'host': the host's, read-only. /tmp, /run, /dev, /proc and /sys are never the host's. */
  rootfs?: 'host' | Rootfs | ImageRootfs | undefined;
  mounts?: readonly Mount[] | undefined;
  /** Default 'none'. */
  network?: Network | undefined;
  /** Default 'sandbox'. */
  hostname?: string | undefined;
  /** Default: the ids of this process. */
  user?: SandboxUser | undefined;
  /** A number sets soft and hard limit. */
  rlimits?: Rlimits | undefined;
  /** Of all programs together; what this host cannot keep is refused with ERR_LIMIT_UNAVAILABLE. */
  limits?: Limits | undefined;
  /** How much /tmp, /run, /dev/shm and a layer in memory hold together; default 1 GiB. */
  scratchBytes?: number | undefined;
  allowWeaker?: readonly Weaker[] | undefined;
}

/** The options that mean nothing without isolation. */
export const isolationOptionNames = [
  'rootfs',
  'mounts',
  'network',
  'hostname',
  'user',
  'rlimits',
  'limits',
  'scratchBytes',
  'allowWeaker',
] as const;

export const defaultIsolation: Isolation = 'full';
const defaultScratchBytes = 1024 ** 3;
const defaultTmpfsBytes = 64 * 1024 ** 2;

/** All of it, defaults included, with absolute paths; what the SandboxBlob says. */
export interface Description {
  root: string;
  writable: WritableLayer;
  mounts: ({ target: string; noExec: boolean } & (
    | { kind: 'bind'; source: string; readOnly: boolean }
    | { kind: 'tmpfs'; sizeBytes: number }
  ))[];
  network: Network;
  hostname: string;
  user: Required<{ [Key in keyof SandboxUser]: number }>;
  rlimits: Partial<Record<RlimitName, { soft: RlimitValue; hard: RlimitValue }>>;
  scratchBytes: number;
  allowWeaker: readonly Weaker[];
  limits: LimitPlan;
  /** When the sandbox's time is over, by the clock of process.hrtime(); 0: never. */
  deadlineMs: number;
  /** Ids from 0 to below this one exist inside as themselves, beside the user; only root can have that. */
  knownIds: number;
}

function describeMount(mount: Mount): Description['mounts'][number] {
  return 'tmpfs' in mount
    ? {
        kind: 'tmpfs',
        target: mount.tmpfs,
        sizeBytes: mount.sizeBytes ?? defaultTmpfsBytes,
        noExec: mount.noExec ?? false,
      }
    : {
        kind: 'bind',
        source: resolve(mount.source),
        target: mount.target,
        readOnly: mount.readOnly ?? true,
        noExec: mount.noExec ?? false,
      };
}

export const isImage = (rootfs: IsolationOptions['rootfs']): rootfs is ImageRootfs =>
  typeof rootfs === 'object' && 'image' in rootfs;

/** Pre: the options are valid, and an image has become a folder (image/rootfs.ts). */
export function describe(options: IsolationOptions, knownIds = 0): Description {
  const rootfs =
    typeof options.rootfs === 'object' && 'directory' in options.rootfs ? options.rootfs : { directory: '/' };
  const [ownUid, ownGid] = [process.geteuid?.() ?? 0, process.getegid?.() ?? 0];
  const { uid, gid, hostUid, hostGid } = options.user ?? { uid: ownUid, gid: ownGid };
  const rlimits: Description['rlimits'] = { core: { soft: 0, hard: 0 } };
  for (const [name, value] of Object.entries(options.rlimits ?? {})) {
    if (value === undefined) continue;
    rlimits[name as RlimitName] = typeof value === 'object' ? value : { soft: value, hard: value };
  }
  const writable = rootfs.writable ?? false;
  const owner = {
    hostUid: hostUid ?? (ownUid === 0 ? uid : ownUid),
    hostGid: hostGid ?? (ownUid === 0 ? gid : ownGid),
  };
  const allowWeaker = options.allowWeaker ?? [];
  const keepsChanges = typeof writable === 'object';
  const limits = planLimits(options.limits ?? {}, { allowWeaker, hostUid: owner.hostUid, keepsChanges });
  for (const [name, value] of Object.entries(limits.rlimits)) {
    const given = rlimits[name as RlimitName]?.hard ?? 'unlimited';
    const least = given === 'unlimited' ? value : Math.min(given, value);
    rlimits[name as RlimitName] = { soft: least, hard: least };
  }
  return {
    root: resolve(rootfs.directory),
    writable: typeof writable === 'object' ? { directory: resolve(writable.directory) } : writable,
    mounts: (options.mounts ?? []).map(describeMount),
    network: options.network ?? 'none',
    hostname: options.hostname ?? 'sandbox',
    user: { uid, gid, ...owner },
    rlimits,
    scratchBytes: limits.scratchBytes ?? options.scratchBytes ?? defaultScratchBytes,
    allowWeaker,
    limits,
    knownIds,
    deadlineMs:
      limits.wallMs === undefined ? 0 : Number(process.hrtime.bigint() / 1_000_000n) + limits.wallMs,
  };
}

/** RLIMIT_NOFILE for the monitor's StartBlob, in 32 bits. */
export function fileLimit(description: Description): { soft: number; hard: number } | undefined {
  const limit = description.rlimits.nofile;
  const number = (value: RlimitValue): number =>
    value === 'unlimited' ? 2 ** 32 - 1 : Math.min(value, 2 ** 32 - 1);
  return limit && { soft: number(limit.soft), hard: number(limit.hard) };
}

const replaced = ['/dev', '/proc', '/run', '/sys', '/tmp', '/var/tmp'];

/** Is `path`, a folder of the host, the same one in the sandbox? */
function shows(description: Description, path: string): boolean {
  const covers = (folder: string): boolean => path === folder || path.startsWith(`${folder}/`);
  // The mount that is made last counts.
  for (const mount of [...description.mounts].reverse()) {
    if (!covers(mount.target)) continue;
    return mount.kind === 'bind' && mount.source === mount.target;
  }
  return description.root === '/' && !replaced.some(covers);
}

/** Where a program starts when the caller does not say: where this process is if the sandbox shows it, or in /. */
export function defaultCwd(description: Description): string {
  let here: string;
  try {
    here = process.cwd();
  } catch {
    return '/'; // it was removed
  }
  return shows(description, here) ? here : '/';
}

/** The environment when the caller does not say: nothing of this process's, which may hold secrets. */
export function defaultEnv(): NodeJS.ProcessEnv {
  return {
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    HOME: '/tmp',
    LANG: 'C.UTF-8',
  };
}
