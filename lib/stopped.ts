/** Finding processes of a start that somebody has stopped: they would be waited for without end. */
import { readdirSync, readFileSync } from 'node:fs';

/** How often a start that takes long is looked at. */
const intervalMs = 2000;

export function childrenOf(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).flatMap((task) =>
      readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
    );
  } catch {
    return []; // it has ended
  }
}

/** Is a process, or one that descends from it, stopped by a signal? */
export function isStopped(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    if (/^[Tt]/.test(stat.slice(stat.lastIndexOf(')') + 2))) return true;
  } catch {
    return false;
  }
  return childrenOf(pid).some(isStopped);
}

/** Calls `found` once when `pid`, a child of this process, or one below it is stopped. Returns how to end the watch. */
export function watchForStop(pid: number, found: () => void): () => void {
  const timer = setInterval(() => {
    if (!isStopped(pid)) return;
    clearInterval(timer);
    found();
  }, intervalMs);
  return () => clearInterval(timer);
}
