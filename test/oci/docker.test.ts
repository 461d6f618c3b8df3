// Containers as people run them: docker with barchan-runtime does what it does with runc.
import { spawnSync } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { requires } from '../helpers/skip.js';
import { removeTemplates } from './bed.js';
import { brief, common, installed, same } from './engine-cases.js';
import { Docker, makeImageRoot } from './engines.js';
import { options, remove } from './option-cases.js';

afterAll(removeTemplates);

function ask(port: number, text: string, done: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(text, 'latin1'));
    let answer = '';
    socket.setTimeout(3000, () => socket.destroy(new Error('no answer')));
    socket.on('data', (chunk) => {
      answer += chunk;
      if (done.test(answer)) socket.end();
    });
    socket.on('error', reject);
    socket.on('close', () => resolve(answer));
  });
}

async function patiently<T>(what: () => Promise<T>, seconds = 30): Promise<T> {
  for (const end = Date.now() + seconds * 1000; ; ) {
    try {
      return await what();
    } catch (error) {
      if (Date.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
  }
}

describe('docker', () => {
  const docker = new Docker();
  let problem: string | undefined = 'docker.io is not installed';
  beforeAll(async () => {
    if (!installed('dockerd') || !existsSync('/dev/kvm') || process.getuid?.() !== 0) return;
    problem = await docker.start();
    if (problem === undefined) docker.importImage(makeImageRoot(join(docker.folder, 'box')), 'box');
  });
  afterAll(() => docker.stop());
  common(docker, () => problem);
  options(docker, '64MiB');

  it('runs an init', () =>
    same(
      docker,
      (r) => {
        const script = 'test $$ != 1 && cat /proc/1/comm; exit 3';
        return brief(docker.runImage(r, ['--rm', '--init'], 'box', 'sh', '-c', script));
      },
      [3, 'docker-init\n'],
    ));

  it("has the engine's own seccomp profile in force", () =>
    same(
      docker,
      (r) =>
        brief(docker.runImage(r, ['--rm'], 'box', 'sh', '-c', 'unshare -U true 2>/dev/null || echo refused')),
      [0, 'refused\n'],
    ));

  it('is given a terminal', () =>
    same(
      docker,
      (r) => {
        const words = [
          ...docker.words,
          ...docker.run(r, ['--rm', '-it'], 'box', ['sh', '-c', 'tty; test -t 0 && echo yes']),
        ];
        return spawnSync('script', ['-qec', words.map((w) => `'${w}'`).join(' '), '/dev/null'], {
          env: docker.env,
          encoding: 'utf8',
          input: '',
        }).stdout.replaceAll('^@', ''); // the echo of script's end of input
      },
      '/dev/pts/0\r\nyes\r\n',
    ));

  it('runs health checks, and tells when one fails', async () => {
    const names = Object.values(docker.runtimes).map((runtime) => [
      runtime,
      `health-${runtime}-${process.pid}`,
    ]);
    const all = names.map(([, name]) => name as string);
    const options = [
      '--health-cmd',
      'cat /etc/passwd',
      '--health-interval',
      '300ms',
      '--health-retries',
      '1',
    ];
    const health = (wanted: string) =>
      expect
        .poll(() => docker.call(['inspect', '-f', '{{.State.Health.Status}}', ...all]).stdout, {
          timeout: 40_000,
        })
        .toBe(`${wanted}\n${wanted}\n`);
    try {
      for (const [runtime, name] of names as [string, string][])
        expect(
          docker.runImage(runtime, ['-d', '--name', name, ...options], 'box', 'sleep', '60').status,
        ).toBe(0);
      await health('healthy');
      for (const name of all) expect(docker.call(['exec', name, 'rm', '/etc/passwd']).status).toBe(0);
      await health('unhealthy');
    } finally {
      remove(docker, ...all);
    }
  });

  it('restarts by each policy', async () => {
    const again = 'test -e /tmp/again && exec sleep 1000; touch /tmp/again';
    const cases = [
      ['no', 'exit 1', '0 exited 1'],
      ['on-failure:2', 'exit 1', '2 exited 1'],
      ['on-failure', 'exit 0', '0 exited 0'],
      ['always', again, '1 running 0'],
      ['unless-stopped', again, '1 running 0'],
    ].flatMap((row) => Object.values(docker.runtimes).map((runtime) => [runtime, ...row]));
    const names = cases.map((_, index) => `restart-${index}-${process.pid}`);
    try {
      for (const [index, [runtime, policy, script]] of (cases as string[][]).entries()) {
        const options = ['-d', '--name', names[index] as string, '--restart', policy as string];
        expect(docker.runImage(runtime as string, options, 'box', 'sh', '-c', script as string).stderr).toBe(
          '',
        );
      }
      const format = '{{.RestartCount}} {{.State.Status}} {{.State.ExitCode}}';
      await expect
        .poll(() => docker.call(['inspect', '-f', format, ...names]).stdout, { timeout: 40_000 })
        .toBe(cases.map((row) => `${row[3]}\n`).join(''));
    } finally {
      docker.call(['update', '--restart', 'no', ...names]); // a restart shall not cross with the kill
      remove(docker, ...names);
    }
  });

  describe('services', () => {
    const programs = ['/usr/bin/redis-server', '/usr/sbin/nginx', process.execPath];
    beforeAll(() => {
      if (problem !== undefined || !programs.every(existsSync)) return;
      const folder = join(docker.folder, 'services');
      const libraries = spawnSync(
        'sh',
        ['-c', 'ls -d /lib/x86_64-linux-gnu/libnss_files.so.2 /etc/nsswitch.conf'],
        { encoding: 'utf8' },
      );
      const rootfs = makeImageRoot(folder, programs, libraries.stdout.trim().split('\n'));
      for (const name of ['var/log/nginx', 'var/lib/nginx', 'run', 'www'])
        mkdirSync(join(rootfs, name), { recursive: true });
      writeFileSync(join(rootfs, 'www/index.html'), 'served by nginx\n');
      writeFileSync(
        join(rootfs, 'etc/nginx.conf'),
        'user root root; daemon off; worker_processes 2; error_log /dev/stderr; events {} http { access_log off; server { listen 80; root /www; } }\n',
      );
      writeFileSync(
        join(rootfs, 'www/service.mjs'),
        "import http from 'node:http'; http.createServer((q, s) => s.end('node ' + q.url + '\\n')).listen(80); process.on('SIGTERM', () => process.exit(0));\n",
      );
      docker.importImage(rootfs, 'services');
    }, 240_000);

    const service = (
      name: string,
      port: number,
      command: string[],
      talk: [string, RegExp],
      answer: string,
      more: string[] = [],
    ) =>
      it(`${name}: published port, exec, clean stop`, async (context) => {
        requires(context, programs.every(existsSync), 'redis-server, nginx or node is missing');
        const id = `${name}-${process.pid}`;
        const options = ['-d', '--name', id, '-p', `127.0.0.1:0:${port}`, ...more];
        expect(docker.runImage('barchan', options, 'services', ...command).stderr).toBe('');
        try {
          const host = Number(
            docker
              .call(['port', id, String(port)])
              .stdout.trim()
              .split(':')
              .at(-1),
          );
          const reply = await patiently(async () => {
            const text = await ask(host, ...talk);
            if (!talk[1].test(text)) throw new Error(`${text}\n${docker.call(['logs', id]).stderr}`);
            return text;
          });
          expect(reply).toContain(answer);
          expect(docker.call(['exec', id, 'ps']).stdout).toContain(name);
          expect(docker.call(['stop', '-t', '30', id]).status).toBe(0);
          expect(docker.call(['inspect', '-f', '{{.State.ExitCode}}', id]).stdout).toBe('0\n');
        } finally {
          docker.call(['rm', '-f', id]);
        }
      }, 120_000);

    describe('postgres', () => {
      const versions = '/usr/lib/postgresql';
      const home = join(
        versions,
        existsSync(versions) ? (readdirSync(versions).sort().at(-1) as string) : '',
      );
      const bin = join(home, 'bin');
      const share = home.replace('/lib/', '/share/');
      // A cluster of its own in the volume, made by a user as postgres refuses to run as root; then the server as process 1.
      const start = [
        'test -e /data/db/PG_VERSION || initdb -D /data/db -A trust --locale=C -E UTF8 >/dev/null || exit 1',
        'echo "host all all all trust" >> /data/db/pg_hba.conf',
        'exec postgres -D /data/db -k /tmp -h "*"',
      ].join('; ');
      // Startup (frontend/backend protocol 3.0), and one query.
      const message = (type: string, text: string) => {
        const size = Buffer.alloc(4);
        size.writeUInt32BE(text.length + 4);
        return `${type}${size.toString('latin1')}${text}`;
      };
      const hello = message('', '\0\x03\0\0user\0user\0database\0postgres\0\0');
      const talk = (query: string) => hello + message('Q', `${query}\0`) + message('X', '');

      it('keeps a table in a volume; published port, exec, clean stop', async (context) => {
        requires(context, existsSync(join(bin, 'initdb')), 'postgres is not installed');
        const programs = ['postgres', 'initdb', 'pg_isready'].map((name) => join(bin, name));
        const files = ['dict_snowball.so', 'plpgsql.so'].map((name) => join(home, 'lib', name));
        const rootfs = makeImageRoot(join(docker.folder, 'postgres'), programs, [...files, share]);
        docker.importImage(rootfs, 'postgres');
        const volume = join(docker.folder, 'postgres-data');
        mkdirSync(volume);
        chownSync(volume, 1000, 1000);
        const id = `postgres-${process.pid}`;
        const options = ['-d', '--name', id, '-p', '127.0.0.1:0:5432', '-u', '1000:1000'];
        options.push('-v', `${volume}:/data`, '-e', `PATH=${bin}:/bin`);
        const query = async (text: string, done: RegExp) => {
          const words = docker.call(['port', id, '5432']).stdout.trim().split(':');
          return patiently(async () => {
            const reply = await ask(Number(words.at(-1)), talk(text), done);
            if (!done.test(reply)) throw new Error(`${reply}\n${docker.call(['logs', id]).stderr}`);
            return reply;
          }, 120);
        };
        try {
          expect(docker.runImage('barchan', options, 'postgres', 'sh', '-c', start).stderr).toBe('');
          await query('CREATE TABLE kept AS SELECT 6 * 7 AS value', /SELECT 1\0/);
          expect(docker.call(['exec', id, 'pg_isready', '-h', '/tmp']).stdout).toBe(
            '/tmp:5432 - accepting connections\n',
          );
          for (const tries of ['first', 'second']) {
            expect(docker.call(['stop', '-t', '60', id]).status, tries).toBe(0);
            const state = docker.call(['inspect', '-f', '{{.State.ExitCode}} {{.State.OOMKilled}}', id]);
            expect(state.stdout).toBe('0 false\n');
            expect(docker.call(['logs', id]).stderr).toContain('database system is shut down');
            if (tries === 'first') {
              expect(docker.call(['start', id]).status).toBe(0);
              expect(await query('SELECT value FROM kept', /SELECT 1\0/)).toContain('42');
            }
          }
        } finally {
          docker.call(['rm', '-f', id]);
        }
      }, 240_000);
    });

    const get = 'GET /x HTTP/1.0\r\n\r\n';
    service(
      'redis',
      6379,
      ['redis-server', '--protected-mode', 'no', '--dir', '/data'],
      ['SET a b\r\nGET a\r\n', /\$1\r\nb/],
      '+OK',
      ['-v', `${docker.folder}/redis:/data`, '-e', 'PATH=/usr/bin:/bin'],
    );
    service(
      'nginx',
      80,
      ['/usr/sbin/nginx', '-c', '/etc/nginx.conf'],
      ['GET / HTTP/1.0\r\n\r\n', /nginx\n$/],
      'served by nginx',
    );
    service('node', 80, [process.execPath, '/www/service.mjs'], [get, /\/x\n$/], 'node /x');
  });
});
