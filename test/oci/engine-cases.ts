/** What every engine does with barchan-runtime as it does with runc. */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, it } from 'vitest';
import { requires } from '../helpers/skip.js';
import { hasVcpu, needsRuntime } from './bed.js';
import type { Engine } from './engines.js';

export const installed = (program: string) => spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;

/** The same with the plain runtime and with Barchan: `expected`, twice. */
export function same(engine: Engine, observe: (runtime: string) => unknown, expected: unknown): void {
  expect(observe(engine.runtimes.plain)).toEqual(expected);
  expect(observe(engine.runtimes.barchan)).toEqual(expected);
}

export const brief = ({ status, stdout }: { status: number; stdout: string }) => [status, stdout];

const derivedBundles = (root: string) =>
  existsSync(root)
    ? readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((name) =>
        /(^|\/)bundles\/[^/]+$/.test(name),
      )
    : [];
const names = (file: string, text: string) => {
  try {
    return readFileSync(file, 'utf8').includes(text);
  } catch {
    return false; // it is gone by now
  }
};

export function common(engine: Engine, ready: () => string | undefined): void {
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
      engine.call(['kill', box]); // sleep as first process heeds no TERM: rm would wait
      engine.call(['rm', '-f', box]);
    }
  });

  it('leaves nothing of its containers', () => {
    // The folder for those without --root is shared with other engines, which run meanwhile.
    const shared = derivedBundles('/run/barchan').filter((name) =>
      names(join('/run/barchan', name, 'config.json'), engine.folder),
    );
    expect([...shared, ...derivedBundles(join(engine.folder, 'exec'))]).toEqual([]);
  });
}
