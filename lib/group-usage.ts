/** What the control groups of a sandbox have counted. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Controller, Parent } from './cgroup.js';
import { processorTimeFile } from './limits.js';

type Groups = Partial<Record<Controller, Parent>>;

const read = (group: Parent | undefined, first: string, second: string): string | undefined => {
  if (!group) return undefined;
  try {
    return readFileSync(join(group.directory, group.version === 2 ? second : first), 'utf8');
  } catch {
    return undefined; // it is gone, or the kernel has no such file
  }
};

const number = (text: string | undefined): number | undefined =>
  text !== undefined && /^\d+\s*$/.test(text) ? Number(text) : undefined;

const field = (text: string | undefined, name: string): number | undefined => {
  const digits = text === undefined ? undefined : new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1];
  return digits === undefined ? undefined : Number(digits);
};

/** How often the kernel has ended a process because the group's memory had run out. */
export const outOfMemoryKills = (groups: Groups): number =>
  field(read(groups.memory, 'memory.oom_control', 'memory.events'), 'oom_kill') ?? 0;

/** Bytes held now, and the most so far. */
export function memoryUsage(groups: Groups): { currentBytes: number; peakBytes?: number } | undefined {
  const currentBytes = number(read(groups.memory, 'memory.usage_in_bytes', 'memory.current'));
  const peakBytes = number(read(groups.memory, 'memory.max_usage_in_bytes', 'memory.peak'));
  if (currentBytes === undefined) return undefined;
  return { currentBytes, ...(peakBytes === undefined ? {} : { peakBytes }) };
}

/** Milliseconds of processor time. */
export function processorTime(groups: Groups): { userMs: number; systemMs: number } | undefined {
  const group = groups.cpuacct ?? (groups.cpu?.version === 2 ? groups.cpu : undefined);
  if (!group) return undefined;
  let text: string;
  try {
    text = readFileSync(
      group.version === 2 ? processorTimeFile(group) : join(group.directory, 'cpuacct.stat'),
      'utf8',
    );
  } catch {
    return undefined;
  }
  if (group.version === 2) {
    const [user, system] = [field(text, 'user_usec'), field(text, 'system_usec')];
    return user === undefined || system === undefined
      ? undefined
      : { userMs: user / 1000, systemMs: system / 1000 };
  }
  // In ticks of USER_HZ, which is 100 on x86-64.
  const [user, system] = [field(text, 'user'), field(text, 'system')];
  return user === undefined || system === undefined
    ? undefined
    : { userMs: user * 10, systemMs: system * 10 };
}

/** Processes and threads that exist now. */
export const taskCount = (groups: Groups): number | undefined =>
  number(read(groups.pids, 'pids.current', 'pids.current'));
