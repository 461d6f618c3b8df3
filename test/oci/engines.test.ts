// Containers as people run them: docker, podman and containerd with barchan-runtime do what they do with runc.
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { requires } from '../helpers/skip.js';
import { hasVcpu, needsRuntime, removeTemplates } from './bed.js';
import { Containerd, Docker, type Engine, makeImageRoot, Podman } from './engines.js';

afterAll(removeTemplates);

const installed = (program: string) => spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;

/** The same with the plain runtime and with Barchan: `expected`, twice. */
function same(engine: Engine, observe: (runtime: string) => unknown, expected: unknown): void {
  expect(observe(engine.runtimes.plain)).toEqual(expected);
  expect(observe(engine.runtimes.barchan)).toEqual(expected);
}

const brief = ({ status, stdout }: { status: number; stdout: string }) => [status, stdout];

const derivedBundles = (root: string) =>
  existsSync(root)
    ? readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((name) =>
        /(^|\/)bundles\/[^/]+$/.test(name),
      )
    : [];
const earlier = new Set(derivedBundles('/run/barchan'));

function common(engine: Engine, ready: () => string | undefined): void {
  const box = `box-${process.pid}`;
  beforeEach((context) => {
    needsRuntime(context, 'runc');
    requires(context, ready() === undefined, ready() ?? '');
  });

  it('runs a command: output, status', () =>
    same(engine, (r) => brief(engine.runImage(r, ['--rm'], 'box', 'sh', '-c', 'echo out; exit 5')), [
      5,
      'out\n',
    ]));

  it('gives 127 and 126 for what cannot be run', () =>
    same(
      engine,
      (r) => ['no-such-program', '/etc'].map((p) => engine.runImage(r, ['--rm'], 'box', p).status),
      [127, 126],
    ));

  it('keeps to user, capabilities, root, environment, folder and volumes', () => {
    const volume = mkdtempSync(join(tmpdir(), 'oci-volume-'));
    chmodSync(volume, 0o755);
    writeFileSync(join(volume, 'file'), 'content\n');
    const options = [
      '--rm',
      '-u',
      '1000:1000',
      '--cap-drop',
      'ALL',
      '--read-only',
      '-e',
      'A=b',
      '-w',
      '/tmp',
    ];
    options.push('-v', `${volume}:/data:ro`, '--hostname', 'name');
    const script =
      'id; pwd; echo $A; hostname; cat /data/file; touch /data/x /x 2>/dev/null || echo refused; grep -E "Cap(Eff|Bnd)" /proc/self/status';
    const zeros = '0000000000000000';
    same(engine, (r) => brief(engine.runImage(r, options, 'box', 'sh', '-c', script)), [
      0,
      `uid=1000(user) gid=1000(user) groups=1000(user)\n/tmp\nb\nname\ncontent\nrefused\nCapEff:\t${zeros}\nCapBnd:\t${zeros}\n`,
    ]);
    rmSync(volume, { recursive: true });
  });

  it('adds capabilities', () =>
    same(
      engine,
      (r) =>
        brief(
          engine.runImage(
            r,
            ['--rm', '--cap-drop', 'ALL', '--cap-add', 'CHOWN'],
            'box',
            'sh',
            '-c',
            'grep CapEff /proc/self/status; chown 7 /tmp && stat -c %u /tmp',
          ),
        ),
      [0, 'CapEff:\t0000000000000001\n7\n'],
    ));

  it('holds limits of memory and processes', () =>
    same(
      engine,
      (r) => {
        const script = 'dd if=/dev/zero of=/dev/shm/x bs=1M count=60 2>/dev/null; echo $?';
        const options = ['--rm', '--memory', '40m', '--memory-swap', '40m', '--shm-size', '100m'];
        return engine
          .runImage(r, options, 'box', 'sh', '-c', `sh -c '${script}'; echo $?`)
          .stdout.includes('137');
      },
      true,
    ));

  it('passes standard input on', () =>
    same(engine, (r) => engine.call(engine.run(r, ['--rm', '-i'], 'box', ['cat']), 'in\n').stdout, 'in\n'));

  it('has a seccomp profile in force', () =>
    same(
      engine,
      (r) => brief(engine.runImage(r, ['--rm'], 'box', 'sh', '-c', 'grep ^Seccomp: /proc/self/status')),
      [0, 'Seccomp:\t2\n'],
    ));

  it('execs, shows processes, stops in time, restarts, keeps logs, copies', () => {
    const life = (r: string) => {
      const script = 'trap "echo bye; exit 3" TERM; echo up; while :; do sleep 0.1; done';
      const call = (...args: string[]) =>
        engine.call(['podman', 'docker'].includes(engine.name) ? args : args);
      const seen: unknown[] = [engine.runImage(r, ['-d', '--name', box], 'box', 'sh', '-c', script).status];
      seen.push(brief(call('exec', '-u', '1000', '-e', 'X=y', box, 'sh', '-c', 'id -u; echo $X; exit 4')));
      seen.push(call('top', box).stdout.includes('trap'));
      seen.push(call('pause', box).status, call('unpause', box).status);
      seen.push(call('cp', `${box}:/etc/passwd`, join(engine.folder, 'copied')).status);
      seen.push(call('stop', '-t', '20', box).status);
      seen.push(call('inspect', '-f', '{{.State.ExitCode}} {{.State.Status}}', box).stdout);
      seen.push(call('logs', box).stdout);
      seen.push(call('start', box).status, call('kill', box).status);
      seen.push(call('rm', '-f', box).status);
      return seen;
    };
    same(engine, life, [0, [4, '1000\ny\n'], true, 0, 0, 0, 0, '3 exited\n', 'up\nbye\n', 0, 0, 0]);
  });

  it('runs the processes of a container in virtual machines', async () => {
    const { barchan } = engine.runtimes;
    const started = engine.runImage(barchan, ['-d', '--name', box], 'box', 'sh', '-c', 'sleep 50 & sleep 50');
    expect(started.status).toBe(0);
    try {
      const pid = Number(engine.call(['inspect', '-f', '{{.State.Pid}}', box]).stdout);
      await expect.poll(() => hasVcpu(pid), { timeout: 10_000 }).toBe(true);
      expect(readFileSync(`/proc/${pid}/maps`, 'utf8')).toContain('barchan-monitor');
    } finally {
      engine.call(['rm', '-f', box]);
    }
  });

  it('leaves nothing of its containers', () => {
    const left = [...derivedBundles('/run/barchan'), ...derivedBundles(join(engine.folder, 'exec'))];
    expect(left.filter((name) => !earlier.has(name))).toEqual([]);
  });
}

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

async function patiently<T>(what: () => Promise<T>): Promise<T> {
  for (let tries = 0; ; tries++) {
    try {
      return await what();
    } catch (error) {
      if (tries > 60) throw error;
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

  it('runs an init', () =>
    same(
      docker,
      (r) =>
        docker
          .runImage(r, ['--rm', '--init'], 'box', 'sh', '-c', 'test $$ != 1 && cat /proc/1/comm')
          .stdout.trim() !== '',
      true,
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

  it('runs health checks', async () => {
    const name = `health-${process.pid}`;
    const options = ['-d', '--name', name, '--health-cmd', 'test -f /etc/passwd', '--health-interval', '1s'];
    expect(docker.runImage('barchan', options, 'box', 'sleep', '60').status).toBe(0);
    await expect
      .poll(() => docker.call(['inspect', '-f', '{{.State.Health.Status}}', name]).stdout.trim(), {
        timeout: 20_000,
      })
      .toBe('healthy');
    docker.call(['rm', '-f', name]);
  });

  it('restarts what fails', async () => {
    const name = `restart-${process.pid}`;
    expect(
      docker.runImage('barchan', ['-d', '--name', name, '--restart', 'on-failure:2'], 'box', 'false').status,
    ).toBe(0);
    await expect
      .poll(() => docker.call(['inspect', '-f', '{{.RestartCount}} {{.State.Status}}', name]).stdout.trim(), {
        timeout: 20_000,
      })
      .toBe('2 exited');
    docker.call(['rm', '-f', name]);
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

describe('podman', () => {
  const podman = new Podman();
  let problem: string | undefined = 'podman is not installed';
  beforeAll(async () => {
    if (!installed('podman') || !existsSync('/dev/kvm') || process.getuid?.() !== 0) return;
    problem = await podman.start();
    if (problem === undefined) podman.importImage(makeImageRoot(join(podman.folder, 'box')), 'box');
  });
  afterAll(() => podman.stop());
  common(podman, () => problem);

  it('runs health checks and pods', () => {
    const { barchan } = podman.runtimes;
    const name = `health-${process.pid}`;
    expect(
      podman.runImage(
        barchan,
        ['-d', '--name', name, '--health-cmd', 'test -f /etc/passwd'],
        'box',
        'sleep',
        '60',
      ).status,
    ).toBe(0);
    expect(podman.call(['healthcheck', 'run', name]).status).toBe(0);
    podman.call(['rm', '-f', '-t', '0', name]);
    expect(podman.call(['pod', 'create', '--infra=false', '--name', `pod-${name}`]).status).toBe(0);
    expect(podman.runImage(barchan, ['--rm', '--pod', `pod-${name}`], 'box', 'echo', 'in a pod').stdout).toBe(
      'in a pod\n',
    );
    podman.call(['pod', 'rm', '-f', `pod-${name}`]);
  });
});

describe('containerd', () => {
  const containerd = new Containerd();
  const image = 'docker.io/library/box:latest';
  let problem: string | undefined = 'containerd is not installed';
  beforeAll(async () => {
    if (!installed('containerd') || !existsSync('/dev/kvm') || process.getuid?.() !== 0) return;
    problem = await containerd.start();
    if (problem === undefined) containerd.importImage(makeImageRoot(join(containerd.folder, 'box')), image);
  });
  afterAll(() => containerd.stop());
  beforeEach((context) => {
    needsRuntime(context, 'runc');
    requires(context, problem === undefined, problem ?? '');
  });

  it('runs a command: output, status', () =>
    same(containerd, (r) => brief(containerd.runImage(r, ['--rm'], image, 'sh', '-c', 'echo out; exit 5')), [
      5,
      'out\n',
    ]));

  it('execs, lists, kills and removes', () =>
    same(
      containerd,
      (r) => {
        const id = containerd.lastId;
        const seen: unknown[] = [containerd.runImage(r, ['-d'], image, 'sleep', '60').status];
        const name = `${id}-${containerd.runs}`;
        seen.push(
          brief(containerd.call(['task', 'exec', '--exec-id', 'one', name, 'sh', '-c', 'echo in; exit 3'])),
        );
        const [, pid] = new RegExp(`${name} +(\\d+)`).exec(containerd.call(['task', 'ls']).stdout) ?? [];
        seen.push(hasVcpu(Number(pid)) === (r !== containerd.runtimes.plain));
        seen.push(containerd.call(['task', 'kill', '-s', 'KILL', name]).status);
        for (
          let tries = 0;
          containerd.call(['task', 'ls']).stdout.includes('RUNNING') && tries < 100;
          tries++
        );
        containerd.call(['task', 'rm', name]);
        seen.push(containerd.call(['container', 'rm', name]).status);
        return seen;
      },
      [0, [3, 'in\n'], true, 0, 0],
    ));
});
