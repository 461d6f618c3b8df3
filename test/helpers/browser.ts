/** A page as a real browser sees it: Chromium without a window. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

export interface Seen {
  /** The document as the browser has it, as HTML. */
  dom: string;
  /** What it says in its console. */
  console: string[];
  /** What it asked the network for: not the page itself, nor what Chromium asks its makers for by itself. */
  requests: string[];
}

export function browse(file: string): Seen {
  const profile = mkdtempSync(join(tmpdir(), 'barchan-browser-'));
  const log = join(profile, 'net-log.json');
  try {
    const { status, stdout, stderr, error } = spawnSync(
      'chromium',
      [
        ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run'],
        ...[
          '--disable-background-networking',
          '--disable-component-update',
          '--disable-sync',
          '--disable-extensions',
          '--host-resolver-rules=MAP * ~NOTFOUND',
        ],
        ...[`--user-data-dir=${profile}`, `--log-net-log=${log}`, '--enable-logging=stderr', '--dump-dom'],
        pathToFileURL(file).href,
      ],
      { encoding: 'utf8', timeout: 100_000, maxBuffer: 64 * 1024 * 1024 },
    );
    if (error || status !== 0) throw error ?? new Error(`chromium: status ${status}: ${stderr.slice(-2000)}`);
    const requests = [...readFileSync(log, 'utf8').matchAll(/"url":"((?:https?|ftp|wss?):[^"]*)"/g)];
    return {
      dom: stdout,
      console: stderr.split('\n').filter((line) => line.includes(':CONSOLE')),
      requests: requests
        .map(([, url]) => url as string)
        .filter((url) => !/^https?:\/\/[a-z0-9.]+\.(google|googleapis)\.com\//.test(url)),
    };
  } finally {
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  }
}
