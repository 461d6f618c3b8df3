/** What the tests of unmodified programs share: command lines, time, folders and ports. */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';

/** For programs that take seconds natively: fork and many system calls are slow on a nested host. */
export const slow = { timeoutMs: 120_000 };

/** The time of a test that runs a slow program natively and under Barchan. */
export const slowTest = 2 * slow.timeoutMs;

export const bash = (script: string): string[] => ['bash', '-c', script];

export const python = (code: string): string[] => ['/usr/bin/python3', '-c', code];

/** A folder that the tests of this file share and that goes with them. Other users may read it. */
export function temporaryFolder(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), `barchan-${name}-`));
  chmodSync(folder, 0o755);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A TCP port of the loopback address that nothing listens at. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => (address && typeof address === 'object' ? resolve(address.port) : reject(address)));
    });
  });
}
