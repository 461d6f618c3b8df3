/** Servers under load from this machine: requests a second. The load runs natively, the server as it is measured. */
import { spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { sideBySide } from '../measure.mjs';
import { absent, output, ways } from '../peers.mjs';

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

/**
 * Starts a server, measures, ends it.
 * @param {import('../peers.mjs').Way} way @param {string[]} command @param {number} port @param {() => Promise<number>} load
 */
async function served(way, command, port, load) {
  const [file, ...args] = way.command(command);
  const server = spawn(/** @type {string} */ (file), args, { stdio: 'ignore' });
  const gone = new Promise((resolve) => server.once('exit', resolve).once('error', resolve));
  try {
    await listening(port);
    return await load();
  } finally {
    server.kill('SIGTERM');
    await Promise.race([gone, sleep(5000).then(() => server.kill('SIGKILL'))]);
    await way.remove();
  }
}

/** @param {number} port @param {string} test @param {number} pipeline */
async function redisLoad(port, test, pipeline) {
  const count = pipeline > 1 ? 400_000 : 60_000;
  const text = await output([
    ...['redis-benchmark', '-p', String(port), '-t', test, '-n', String(count), '-c', '20'],
    ...['-P', String(pipeline), '--csv'],
  ]);
  return Number(/^"[A-Z]+","([0-9.]+)"/m.exec(text)?.[1]);
}

/** @param {number} port */
async function wrkLoad(port) {
  const text = await output(['wrk', '-t1', '-c16', '-d2s', `http://127.0.0.1:${port}/index.html`]);
  return Number(/Requests\/sec:\s+([0-9.]+)/.exec(text)?.[1]);
}

/** @param {string} folder @param {number} port */
const nginxConfiguration = (
  folder,
  port,
) => `daemon off; master_process off; pid ${folder}/pid; error_log /dev/null;
events { worker_connections 512; }
http { access_log off; client_body_temp_path ${folder}/a; proxy_temp_path ${folder}/b; fastcgi_temp_path ${folder}/c;
uwsgi_temp_path ${folder}/d; scgi_temp_path ${folder}/e; server { listen 127.0.0.1:${port}; root ${folder}; } }`;

/** @param {{ rounds: number, only: (name: string) => boolean }} options */
export async function* run({ rounds, only }) {
  const folder = mkdtempSync(join(tmpdir(), 'barchan-servers-'));
  // A container's root has not all of a root's privileges, and none over the folder of another user.
  chmodSync(folder, 0o777);
  /** @type {{ name: string, target: number, needs: string[], command: (port: number) => string[], load: (port: number) => Promise<number> }[]} */
  const cases = [];
  for (const [test, pipeline, target] of /** @type {[string, number, number][]} */ ([
    ['get', 1, 0.7],
    ['set', 1, 0.7],
    ['get', 16, 0.9],
    ['set', 16, 0.9],
  ]))
    cases.push({
      name: `redis ${test.toUpperCase()}, pipeline ${pipeline}`,
      target,
      needs: ['redis-server', 'redis-benchmark'],
      command: (port) => ['redis-server', '--port', String(port), '--save', '', '--dir', folder],
      load: (port) => redisLoad(port, test, pipeline),
    });
  cases.push({
    name: 'nginx, a static file',
    target: 0.7,
    needs: ['nginx', 'wrk'],
    command: (port) => {
      const file = join(folder, `nginx-${port}.conf`);
      writeFileSync(file, nginxConfiguration(folder, port));
      return ['nginx', '-c', file, '-e', '/dev/null'];
    },
    load: wrkLoad,
  });
  try {
    writeFileSync(join(folder, 'index.html'), 'x'.repeat(4096));
    const found = ways({ network: true });
    for (const { name, target, needs, command, load } of cases) {
      if (!only(name)) continue;
      const lacking = absent(needs);
      if (lacking.length > 0) {
        yield { name, skipped: `${lacking.join(', ')}: not installed` };
        continue;
      }
      const measured = new Map(
        [...found].map(([kind, way]) => [
          kind,
          async () => {
            const port = await freePort();
            return served(way, command(port), port, () => load(port));
          },
        ]),
      );
      yield { name, target, ...(await sideBySide(measured, Math.ceil(rounds / 2))) };
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
