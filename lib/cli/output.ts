/**
 * What barchan itself writes. Directly to the descriptors: process.stdout and process.stderr would change the
 * terminal or pipe that the guest shares.
 */
import { writeSync } from 'node:fs';
import { statuses } from './status.js';

/** To stderr, with the command's name. */
export function complain(text: string): void {
  try {
    writeSync(2, `barchan: ${text}\n`);
  } catch {
    // Nobody can be told.
  }
}

/** To stdout, all of it. Does not return when that is not possible. */
export function print(text: string): void {
  const bytes = Buffer.from(text);
  for (let done = 0; done < bytes.length; ) {
    try {
      done += writeSync(1, bytes, done);
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (code === 'EAGAIN') {
        // Somebody has made it non-blocking: wait a little.
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
        continue;
      }
      if (code === 'EPIPE') process.exit(statuses.brokenPipe);
      complain(`cannot write to standard output: ${message}`);
      process.exit(statuses.failure);
    }
  }
}
