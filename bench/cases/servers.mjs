/** Servers under load from this machine: requests a second. The load runs natively, the server as it is measured. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { sideBySide } from '../measure.mjs';
import { installed, output, prefixes } from '../peers.mjs';

export const group = 'Servers';
export const unit = 'requests/s';
export const more = true;

/** @returns {Promise<number>} */
function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}

/** @param {number} port */
async function listening(port) {
  for (let i = 0; i < 200; i++) {
    const ok = await new Promise((resolve) => {
      const socket = connect(port, '127.0.0.1');
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
      socket.once('connect', () => socket.destroy());
    });
    if (ok) return;
    await sleep(50);
  }
  throw new Error(`nothing listens on port ${port}`);
}

/** Starts a server, measures, ends it. @param {string} way @param {string[]} command @param {number} port @param {() => number} load */
async function served(way, command, port, load) {
  const [file, ...args] = [...(prefixes[way] ?? []), ...command];
  const server = spawn(/** @type {string} */ (file), args, { stdio: 'ignore' });
  const gone = new Promise((resolve) => server.once('exit', resolve));
  try {
    await listening(port);
    return load();
  } finally {
    server.kill('SIGTERM');
    await Promise.race([gone, sleep(5000).then(() => server.kill('SIGKILL'))]);
  }
}

/** @param {number} port @param {string} test @param {number} pipeline */
function redisLoad(port, test, pipeline) {
  const count = pipeline > 1 ? 400_000 : 60_000;
  const text = output('redis-benchmark', [
    ...['-p', String(port), '-t', test, '-n', String(count), '-c', '20', '-P', String(pipeline), '--csv'],
  ]);
  return Number(/^"[A-Z]+","([0-9.]+)"/m.exec(text)?.[1]);
}

/** @param {{ rounds: number, only: (name: string) => boolean }} options */
export async function* run({ rounds, only }) {
  const folder = mkdtempSync(join(tmpdir(), 'barchan-servers-'));
  const few = Math.max(3, rounds >> 1);
  try {
    for (const [test, pipeline, target] of /** @type {[string, number, number][]} */ ([
      ['get', 1, 0.7],
      ['set', 1, 0.7],
      ['get', 16, 0.9],
      ['set', 16, 0.9],
    ])) {
      const name = `redis ${test.toUpperCase()}, pipeline ${pipeline}`;
      if (!only(name) || !installed('redis-server') || !installed('redis-benchmark')) continue;
      const ways = new Map(
        ['native', 'barchan'].map((way) => [
          way,
          async () => {
            const port = await freePort();
            const command = ['redis-server', '--port', String(port), '--save', '', '--dir', folder];
            return served(way, command, port, () => redisLoad(port, test, pipeline));
          },
        ]),
      );
      yield { name, target, ...(await sideBySide(ways, few)) };
    }
    const name = 'nginx, a static file';
    if (only(name) && installed('nginx') && installed('wrk')) {
      writeFileSync(join(folder, 'index.html'), 'x'.repeat(4096));
      const ways = new Map(
        ['native', 'barchan'].map((way) => [
          way,
          async () => {
            const port = await freePort();
            const configuration = join(folder, `nginx-${port}.conf`);
            writeFileSync(
              configuration,
              `daemon off; master_process off; pid ${folder}/pid; error_log /dev/null;
events { worker_connections 512; }
http { access_log off; client_body_temp_path ${folder}/a; proxy_temp_path ${folder}/b; fastcgi_temp_path ${folder}/c;
uwsgi_temp_path ${folder}/d; scgi_temp_path ${folder}/e; server { listen 127.0.0.1:${port}; root ${folder}; } }`,
            );
            return served(way, ['nginx', '-c', configuration, '-e', '/dev/null'], port, () => {
              const text = output('wrk', ['-t1', '-c16', '-d3s', `http://127.0.0.1:${port}/index.html`]);
              return Number(/Requests\/sec:\s+([0-9.]+)/.exec(text)?.[1]);
            });
          },
        ]),
      );
      yield { name, target: 0.7, ...(await sideBySide(ways, few)) };
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
