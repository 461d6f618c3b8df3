/** What programs use while they run, from procfs and from what the monitors count. */
import { readFileSync } from 'node:fs';
import type { Counts } from './counters.js';
import type { LimitKeeper, LimitName } from './limits.js';
import { childrenOf } from './stopped.js';

export interface ProcessorTime {
  userMs: number;
  systemMs: number;
}

export interface ProgramMetrics extends Counts {
  /** That exist now: the program's first one and what descends from it. */
  processes: number;
  /** Of these and of those that they have waited for; in steps of 10 ms. */
  cpu: ProcessorTime;
  memory: {
    /** That the processes have resident; what they share counts for each. */
    currentBytes: number;
  };
}

export interface SandboxMetrics extends Counts {
  programs: { running: number; ended: number };
  processes: number;
  cpu: ProcessorTime;
  memory: {
    /** What the control group holds, where limits.memory made one; else as for a program. */
    currentBytes: number;
    /** The most so far; without a control group the most that was seen, or that one process had. */
    peakBytes: number;
  };
  /** What keeps each limit that was asked for. */
  limits: Partial<Record<LimitName, LimitKeeper>>;
}

export interface TreeUsage {
  processes: number;
  cpu: ProcessorTime;
  residentBytes: number;
}

export const noTree: Readonly<TreeUsage> = {
  processes: 0,
  cpu: { userMs: 0, systemMs: 0 },
  residentBytes: 0,
};

// USER_HZ and the page size of x86-64.
const tickMs = 10;
const pageSize = 4096;

/** The numbers of /proc/PID/stat behind the command's name, which may hold anything; field 3 is the first. */
function statFields(pid: number): string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined; // it has ended
  }
}

/**
 * What descends from a supervisor: `first`, the program, and all that are left to the supervisor or, in a sandbox, to the
 * init beside `first`, which does not count itself.
 */
export function treeUsage(supervisor: number, first: number, isolated: boolean): TreeUsage {
  const total: TreeUsage = { processes: 0, cpu: { userMs: 0, systemMs: 0 }, residentBytes: 0 };
  const add = (user = '0', system = '0'): void => {
    total.cpu.userMs += Number(user) * tickMs;
    total.cpu.systemMs += Number(system) * tickMs;
  };
  const reaped = statFields(supervisor);
  add(reaped?.[13], reaped?.[14]);
  const own = new Set(isolated ? childrenOf(supervisor).filter((pid) => pid !== first) : []);
  const seen = new Set<number>();
  for (const queue = childrenOf(supervisor); queue.length > 0; ) {
    const pid = queue.pop() as number;
    if (seen.has(pid)) continue;
    seen.add(pid);
    const fields = statFields(pid);
    if (!fields) continue;
    add(fields[13], fields[14]);
    queue.push(...childrenOf(pid));
    if (own.has(pid)) continue;
    add(fields[11], fields[12]);
    // A zombie has ended and waits to be asked for its status.
    if (fields[0] === 'Z' || fields[0] === 'X') continue;
    total.processes++;
    total.residentBytes += Number(fields[21]) * pageSize;
  }
  return total;
}
