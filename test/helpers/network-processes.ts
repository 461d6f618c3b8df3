/** The processes that open sockets for sandboxes of this process (native/network). */
import { readdirSync, readFileSync } from 'node:fs';

export function networkProcesses(): number[] {
  const read = (path: string): string => {
    try {
      return readFileSync(path, 'utf8').trim();
    } catch {
      return ''; // it has just ended
    }
  };
  return readdirSync('/proc/self/task')
    .flatMap((task) => read(`/proc/self/task/${task}/children`).split(' '))
    .filter((pid) => pid !== '' && read(`/proc/${pid}/comm`) === 'barchan-network')
    .map(Number);
}
