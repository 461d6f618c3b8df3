/** The descriptors of this process. */
import { readdirSync, readlinkSync } from 'node:fs';

/** `number target` of each that is open, without the one that lists them. */
export function describeFds(): string[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      return [`${fd} ${readlinkSync(`/proc/self/fd/${fd}`)}`];
    } catch {
      return [];
    }
  });
}
