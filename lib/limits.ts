/** Limits of a sandbox: what can be limited, and how this host does it. */
import { readdirSync, readFileSync, rmdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type Controller, findParents, NoParent, type Parent } from './cgroup.js';
import { SandboxError } from './errors.js';

/** Bytes, or text like '256m': k, m, g and t stand for powers of 1024. */
export type Amount = number | string;

/** Bytes and operations per second, of each block device of the host. */
export interface IoLimits {
  read?: Amount | undefined;
  write?: Amount | undefined;
  readOperations?: number | undefined;
  writeOperations?: number | undefined;
}

/** Each counts for the sandbox, so for all its programs together. */
export interface Limits {
  /**
   * Memory with everything that is held for the sandbox: its programs', the files that they have in memory, page tables,
   * and Barchan's own (docs/limits.md). When it runs out the kernel ends a program.
   */
  memory?: Amount | undefined;
  /** Processors: 0.5 is half the time of one. */
  cpus?: number | undefined;
  /** Processes and threads; Barchan's own are one for the sandbox and two for each program that runs. */
  pids?: number | undefined;
  /** A number limits reading and writing each. */
  io?: Amount | IoLimits | undefined;
  /** Open files of each process, at most 16384. */
  openFiles?: number | undefined;
  /** The size of a file that is written. */
  fileSize?: Amount | undefined;
  /** Bytes that Node reads of a program's stdout and stderr together; a program that writes more is ended. */
  output?: Amount | undefined;
  /** What /tmp and all other writable places hold together, mounts that can be written left out. */
  disk?: Amount | undefined;
  /** Milliseconds from the sandbox's start on until all its programs are ended. */
  wallMs?: number | undefined;
  /** Milliseconds of processor time until all its programs are ended. */
  cpuMs?: number | undefined;
  /** The control group to make the sandbox's in, like '/my.slice'; default: this process's, or one above it. */
  cgroup?: string | undefined;
}

export type LimitName = Exclude<keyof Limits, 'cgroup'>;

/** Those that a host may not be able to keep, as names for `allowWeaker`. */
export const weakenable = ['memory', 'cpus', 'pids', 'io', 'output', 'disk', 'cpuMs'] as const;
export type WeakenableLimit = (typeof weakenable)[number];

/** What keeps a limit: `none` only where `allowWeaker` names it. */
export type LimitKeeper = 'cgroup' | 'rlimit' | 'tmpfs' | 'timer' | 'stream' | 'none';

/** Limits as the programs that keep them are told, with what is asked for and cannot be left out. */
export interface LimitPlan {
  groups: string[];
  settings: { file: string; value: string; optional?: boolean }[];
  /** By controller: where the sandbox's numbers are to be read. */
  usage: Partial<Record<Controller, Parent>>;
  cpuMs?: number;
  wallMs?: number;
  outputBytes?: number;
  scratchBytes?: number;
  rlimits: { nofile?: number; fsize?: number; nproc?: number; cpu?: number };
  /** A memory limit is kept by a control group. */
  oomAdjust: number;
  keepers: Partial<Record<LimitName, LimitKeeper>>;
}

export interface LimitContext {
  allowWeaker: readonly string[];
  /** Who the sandbox's user is outside. */
  hostUid: number;
  /** Changes to the root go to a folder, not to memory. */
  keepsChanges: boolean;
}

/** Of open files: the monitor's own lie above. */
export const greatestOpenFiles = 16384;

const units: Record<string, number> = { '': 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3, t: 1024 ** 4 };

/** undefined when it is no amount. */
export function parseAmount(value: unknown): number | undefined {
  if (typeof value === 'number') return Number.isSafeInteger(value) && value >= 0 ? value : undefined;
  const [, digits, unit = ''] = (typeof value === 'string' && /^(\d{1,16})([kmgt]?)b?$/i.exec(value)) || [];
  const amount = digits === undefined ? Number.NaN : Number(digits) * (units[unit.toLowerCase()] ?? 1);
  return Number.isSafeInteger(amount) ? amount : undefined;
}

/** Pre: `value` has been validated. */
const amount = (value: Amount): number => parseAmount(value) as number;

/** "MAJOR:MINOR" of the disks; partitions count as their disk. */
function disks(): string[] {
  return readdirSync('/sys/block').flatMap((name) => {
    try {
      if (readFileSync(`/sys/block/${name}/size`, 'utf8').trim() === '0') return [];
      return [readFileSync(`/sys/block/${name}/dev`, 'utf8').trim()];
    } catch {
      return []; // it went away
    }
  });
}

function describeIo(io: Amount | IoLimits): { [Key in keyof IoLimits]?: number } {
  if (typeof io !== 'object') return { read: amount(io), write: amount(io) };
  const { read, write, readOperations, writeOperations } = io;
  return {
    ...(read === undefined ? {} : { read: amount(read) }),
    ...(write === undefined ? {} : { write: amount(write) }),
    ...(readOperations === undefined ? {} : { readOperations }),
    ...(writeOperations === undefined ? {} : { writeOperations }),
  };
}

const ioFiles = {
  read: ['blkio.throttle.read_bps_device', 'rbps'],
  write: ['blkio.throttle.write_bps_device', 'wbps'],
  readOperations: ['blkio.throttle.read_iops_device', 'riops'],
  writeOperations: ['blkio.throttle.write_iops_device', 'wiops'],
} as const;

const cpuPeriodUs = 100_000;

type Setting = [file: string, value: string, optional?: boolean];

/** What to write into the group's files; `limit` has been asked for. */
function settings(limits: Limits, limit: LimitName, version: 1 | 2): Setting[] {
  switch (limit) {
    case 'memory': {
      const bytes = String(amount(limits.memory ?? 0));
      // Without swap accounting there is no file; what is limited is then memory alone.
      return version === 2
        ? [
            ['memory.max', bytes],
            ['memory.swap.max', '0', true],
          ]
        : [
            ['memory.limit_in_bytes', bytes],
            ['memory.memsw.limit_in_bytes', bytes, true],
          ];
    }
    case 'cpus': {
      const quota = String(Math.round((limits.cpus ?? 0) * cpuPeriodUs));
      return version === 2
        ? [['cpu.max', `${quota} ${cpuPeriodUs}`]]
        : [
            ['cpu.cfs_period_us', String(cpuPeriodUs)],
            ['cpu.cfs_quota_us', quota],
          ];
    }
    case 'pids':
      return [['pids.max', String(limits.pids)]];
    case 'io':
      return disks().flatMap((disk) =>
        Object.entries(describeIo(limits.io ?? {})).map(([name, value]): Setting => {
          const [first, second] = ioFiles[name as keyof IoLimits];
          return version === 2 ? ['io.max', `${disk} ${second}=${value}`] : [first, `${disk} ${value}`];
        }),
      );
    default:
      return [];
  }
}

/** Of a sandbox's group: what tells the processor time that it has used. */
export const processorTimeFile = ({ version, directory }: Parent): string =>
  join(directory, version === 2 ? 'cpu.stat' : 'cpuacct.usage');

const controllers = { memory: 'memory', cpus: 'cpu', pids: 'pids', io: 'io', cpuMs: 'cpuacct' } as const;

const groupRemedy = (name: string): string =>
  `Run as root, or let systemd delegate a control group (systemd-run --user --scope -p Delegate=yes, or Delegate=yes in a service) and name it in options.limits.cgroup; or do without it: allowWeaker: ['${name}'].`;

function unavailable(name: LimitName, value: unknown, why: string, remedy: string): SandboxError {
  return new SandboxError('ERR_LIMIT_UNAVAILABLE', `Cannot keep options.limits.${name} here: ${why}`, {
    path: `options.limits.${name}`,
    value,
    remedy,
  });
}

/** This process since its start: its number alone may have been another's. */
const creator = (): string => {
  const stat = readFileSync('/proc/self/stat', 'utf8');
  return `${process.pid}-${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]}`;
};

const staleMs = 60_000;
const groupName = /^barchan-(\d+)-(\d+)-[0-9a-f]{8}$/;

/** Removes empty groups of sandboxes whose Node process and warden were both killed. */
function removeStale(parent: string): void {
  for (const name of readdirSync(parent)) {
    const [, pid, start] = groupName.exec(name) ?? [];
    if (pid === undefined) continue;
    const directory = join(parent, name);
    try {
      if (Date.now() - statSync(directory).mtimeMs < staleMs) continue;
      let stat = '';
      try {
        stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      } catch {
        // It is no more.
      }
      if (stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] !== start) rmdirSync(directory);
    } catch {
      // In use, or somebody else was faster.
    }
  }
}

const swept = new Set<string>();

/**
 * How to keep `limits` here. Nothing is made yet. Throws ERR_LIMIT_UNAVAILABLE for what cannot be kept, unless
 * `allowWeaker` names it. Pre: `limits` has been validated.
 */
export function planLimits(limits: Limits, { allowWeaker, hostUid, keepsChanges }: LimitContext): LimitPlan {
  const plan: LimitPlan = { groups: [], settings: [], usage: {}, rlimits: {}, oomAdjust: 0, keepers: {} };
  const weaker = (name: WeakenableLimit, why: string, remedy: string): void => {
    if (!allowWeaker.includes(name)) throw unavailable(name, limits[name], why, remedy);
    plan.keepers[name] = 'none';
  };
  const byController = new Map<Controller, keyof typeof controllers>();
  for (const [name, controller] of Object.entries(controllers) as [keyof typeof controllers, Controller][])
    if (limits[name] !== undefined) byController.set(controller, name);

  if (byController.size > 0) {
    const name = `barchan-${creator()}-${Buffer.from(crypto.getRandomValues(new Uint8Array(4))).toString('hex')}`;
    for (const { controllers: part, parent } of findParents([...byController.keys()], limits.cgroup)) {
      if (!(parent instanceof NoParent)) {
        if (!swept.has(parent.directory)) removeStale(parent.directory);
        swept.add(parent.directory);
        const directory = join(parent.directory, name);
        plan.groups.push(directory);
        for (const controller of part) plan.usage[controller] = { ...parent, directory };
      }
      for (const controller of part) {
        const limit = byController.get(controller) as keyof typeof controllers;
        if (parent instanceof NoParent) {
          // In its own user namespace the kernel counts the sandbox's processes alone, but it never refuses root one.
          if (limit === 'pids' && hostUid !== 0) {
            plan.rlimits.nproc = limits.pids as number;
            plan.keepers.pids = 'rlimit';
            continue;
          }
          weaker(limit, parent.why, groupRemedy(limit));
          // Of each process, not of all together.
          if (limit === 'cpuMs') plan.rlimits.cpu = Math.ceil((limits.cpuMs as number) / 1000);
          continue;
        }
        plan.keepers[limit] = 'cgroup';
        if (limit === 'cpuMs') plan.cpuMs = limits.cpuMs as number;
        if (limit === 'memory') plan.oomAdjust = 500;
        const { directory } = plan.usage[controller] as Parent;
        for (const [file, value, optional = false] of settings(limits, limit, parent.version))
          plan.settings.push({ file: join(directory, file), value, optional });
      }
    }
  }
  const io = limits.io === undefined ? {} : describeIo(limits.io);
  if (plan.usage.io?.version === 1 && (io.write !== undefined || io.writeOperations !== undefined)) {
    weaker(
      'io',
      'version 1 of control groups does not see what the kernel writes later',
      "Use a host with version 2, or limit reading only (limits.io.read); allowWeaker: ['io'] limits what is written at once.",
    );
  }
  if (limits.disk !== undefined) {
    if (keepsChanges) {
      weaker(
        'disk',
        'what is written goes to a folder of the host',
        "Use writable: 'tmpfs', or put the folder on a file system of its own; allowWeaker: ['disk'] limits the rest.",
      );
    } else plan.keepers.disk = 'tmpfs';
    plan.scratchBytes = amount(limits.disk);
  }
  const { openFiles, fileSize, output, wallMs } = limits;
  if (openFiles !== undefined) plan.rlimits.nofile = openFiles;
  if (fileSize !== undefined) plan.rlimits.fsize = amount(fileSize);
  if (output !== undefined) plan.outputBytes = amount(output);
  if (wallMs !== undefined) plan.wallMs = wallMs;
  const others: [LimitName, LimitKeeper][] = [
    ['openFiles', 'rlimit'],
    ['fileSize', 'rlimit'],
    ['output', 'stream'],
    ['wallMs', 'timer'],
  ];
  for (const [name, keeper] of others) if (limits[name] !== undefined) plan.keepers[name] = keeper;
  return plan;
}
