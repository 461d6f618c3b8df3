/** The programs that run in sandboxes of this user now, as /proc shows them: nothing is kept in files that could be left over. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

export interface RunningProgram {
  /** Of the program's first process. */
  pid: number;
  /** The process that has started it. */
  owner: number;
  supervisor: number;
  ageSeconds: number;
  isolation: 'full' | 'none' | 'unknown';
  /** A profile, 'custom', 'none', or 'unknown' where the process cannot be looked into. */
  policy: string;
  /** How many processes it has. */
  processes: number;
  command: string[];
}

/** Clock ticks in a second, in /proc/PID/stat: USER_HZ, 100 on every x86-64 kernel. */
const ticks = 100;
const policyLink = /^\/memfd:barchan-policy:([a-z]+) \(deleted\)$/;

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // it has ended, or is another user's
  }
}

function link(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

const words = (pid: number): string[] => read(`/proc/${pid}/cmdline`).split('\0').slice(0, -1);

interface Process {
  pid: number;
  parent: number;
  startedTicks: number;
}

/** Null when there is none. The name in parentheses may hold anything (man 5 proc_pid_stat). */
function processOf(pid: number): Process | null {
  const stat = read(`/proc/${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  if (fields.length < 20) return null;
  return { pid, parent: Number(fields[1]), startedTicks: Number(fields[19]) };
}

function isOwn(pid: number): boolean {
  const ids = /^Uid:\t(\d+)\t/m.exec(read(`/proc/${pid}/status`));
  return ids !== null && Number(ids[1]) === process.getuid?.();
}

function policyOf(pid: number): string {
  let numbers: string[];
  try {
    numbers = readdirSync(`/proc/${pid}/fd`);
  } catch {
    return 'unknown';
  }
  // The monitor's own are the highest.
  for (const number of numbers.sort((a, b) => Number(b) - Number(a))) {
    const found = policyLink.exec(link(`/proc/${pid}/fd/${number}`));
    if (found) return found[1] as string;
  }
  return 'none';
}

function isolationOf(pid: number): RunningProgram['isolation'] {
  const theirs = link(`/proc/${pid}/ns/mnt`);
  if (theirs === '') return 'unknown';
  return theirs === link('/proc/self/ns/mnt') ? 'none' : 'full';
}

export function runningPrograms(): RunningProgram[] {
  const all = new Map<number, Process>();
  const children = new Map<number, number[]>();
  for (const name of readdirSync('/proc')) {
    const found = /^\d+$/.test(name) ? processOf(Number(name)) : null;
    if (!found) continue;
    all.set(found.pid, found);
    children.set(found.parent, [...(children.get(found.parent) ?? []), found.pid]);
  }
  const below = (pid: number): number[] =>
    (children.get(pid) ?? []).flatMap((child) => [child, ...below(child)]);
  // A supervisor, or the init of a sandbox's program, which is a supervisor's child. Their command lines have as much room
  // as the program's had, so what is there may be the beginning of the name alone.
  const named = (pid: number): boolean => {
    const comm = read(`/proc/${pid}/comm`).trim();
    const full = { 'barchan-super': 'barchan-supervisor', 'barchan-init': 'barchan-init' }[comm];
    const [name = '', ...more] = words(pid);
    return full?.startsWith(name) === true && more.every((word) => word === '') && isOwn(pid);
  };
  const candidates = new Set([...all.keys()].filter(named));
  const upSeconds = Number(read('/proc/uptime').split(' ')[0]);
  const programs: RunningProgram[] = [];
  for (const { pid: supervisor, parent: owner } of all.values()) {
    if (!candidates.has(supervisor) || candidates.has(owner)) continue;
    // The init comes before the program, which may call itself what it likes.
    const own = (children.get(supervisor) ?? []).sort(
      (a, b) => (all.get(a)?.startedTicks ?? 0) - (all.get(b)?.startedTicks ?? 0) || a - b,
    );
    const pid = own.find((child) => !candidates.has(child)) ?? own.at(-1);
    const family = below(supervisor).filter((one) => one === pid || !candidates.has(one));
    const first = pid === undefined ? undefined : all.get(pid);
    if (!first) continue;
    programs.push({
      pid: first.pid,
      owner,
      supervisor,
      ageSeconds: Math.max(0, upSeconds - first.startedTicks / ticks),
      isolation: isolationOf(first.pid),
      policy: policyOf(first.pid),
      processes: family.length,
      command: words(first.pid),
    });
  }
  return programs.sort((a, b) => b.ageSeconds - a.ageSeconds);
}
