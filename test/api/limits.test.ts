/** Limits of a sandbox: each is kept, says so in the result, and nothing is left of it. Skips count what the host lacks. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { findParents, hierarchies, NoParent } from '../../lib/cgroup.js';
import { type LimitName, run, Sandbox, type WeakenableLimit } from '../../lib/index.js';
import { until } from '../helpers/processes.js';
import { requires } from '../helpers/skip.js';

const grouped = (controller: 'memory' | 'cpu' | 'pids' | 'io' | 'cpuacct'): boolean =>
  findParents([controller], undefined).every(({ parent }) => !(parent instanceof NoParent));
const noGroups = 'this user may not make the control group here';
const isRoot = process.geteuid?.() === 0;

/** Groups of sandboxes that this process has made. */
function groups(): string[] {
  return hierarchies().flatMap(({ own }) => {
    if (own === undefined) return [];
    return readdirSync(own)
      .filter((name) => name.startsWith(`barchan-${process.pid}-`))
      .map((name) => join(own, name));
  });
}
afterAll(async () => {
  await until(() => groups().length === 0);
});

const python = (code: string): string[] => ['/usr/bin/python3', '-c', code];
const spin = python('while True: pass');

describe('limits by control groups', () => {
  it('memory: the program is ended and the result says why', async (context) => {
    requires(context, grouped('memory'), noGroups);
    const result = await run(python('a = bytearray(150 << 20)\nprint("reached")'), {
      limits: { memory: '64m' },
    });
    expect(result).toMatchObject({ signal: 'SIGKILL', limit: 'memory', timedOut: false, stdout: '' });
    const enough = await run(python('print(len(bytearray(20 << 20)))'), { limits: { memory: '64m' } });
    expect(enough).toMatchObject({ exitCode: 0, limit: null, stdout: `${20 << 20}\n` });
  });

  it('memory: files in memory count, and a child’s end is told', async (context) => {
    requires(context, grouped('memory'), noGroups);
    const result = await run(['sh', '-c', 'head -c 150m /dev/zero > /tmp/file; echo status $?'], {
      limits: { memory: '48m' },
    });
    expect(result).toMatchObject({ limit: 'memory' });
    expect(result.stdout).not.toContain('status 0');
  });

  it('memory: another user, too, is ended first, and before its init', async (context) => {
    requires(context, grouped('memory') && isRoot, noGroups);
    const result = await run(['sh', '-c', 'id -u; cat /proc/self/oom_score_adj /proc/1/oom_score_adj'], {
      user: { uid: 5, gid: 6 },
      limits: { memory: '64m' },
    });
    expect(result).toMatchObject({ stdout: '5\n500\n0\n', stderr: '' });
  });

  it('pids: fork gives EAGAIN', async (context) => {
    requires(context, grouped('pids') || !isRoot, noGroups);
    const forks = python(
      `import os, errno, time
made = 0
for i in range(64):
  try:
    if os.fork() == 0:
      os.closerange(0, 3)
      time.sleep(20)
      os._exit(0)
    made += 1
  except OSError as error:
    print(errno.errorcode[error.errno], 0 < made < 30)
    break`,
    );
    expect(await run(forks, { limits: { pids: 30 } })).toMatchObject({ stdout: 'EAGAIN True\n', stderr: '' });
  });

  it('cpus: a share of the time of one', async (context) => {
    requires(context, grouped('cpu'), noGroups);
    const code =
      'import time\nw, c = time.monotonic(), time.process_time()\nwhile time.monotonic() - w < 1.5: pass\nprint((time.process_time() - c) / 1.5)';
    const { stdout } = await run(python(code), { limits: { cpus: 0.2 } });
    expect(Number(stdout)).toBeGreaterThan(0);
    expect(Number(stdout)).toBeLessThan(0.3);
  });

  it.runIf(grouped('cpuacct'))(
    'cpuMs: of all programs together, and then nothing starts any more',
    async () => {
      await using box = await Sandbox.create({ limits: { cpuMs: 400 } });
      const results = await Promise.all([box.exec(spin), box.exec(spin)]);
      const used = results.reduce((sum, { usage }) => sum + usage.userMs + usage.systemMs, 0);
      for (const result of results)
        expect(result).toMatchObject({ signal: 'SIGKILL', limit: 'cpuMs', timedOut: false });
      expect(used).toBeGreaterThan(300);
      expect(used).toBeLessThan(1200);
      await expect(box.exec(['true'])).rejects.toMatchObject({ code: 'ERR_SANDBOX_CLOSED' });
    },
  );

  it('io: reading is limited where version 1 limits it', async (context) => {
    requires(context, grouped('io'), noGroups);
    expect(await run(['true'], { limits: { io: { read: '1m', readOperations: 100 } } })).toMatchObject({
      exitCode: 0,
    });
  });

  it('the groups hold every process, and go', async (context) => {
    requires(context, grouped('pids') && grouped('memory'), noGroups);
    await using box = await Sandbox.create({ limits: { memory: '256m', pids: 50 } });
    const guest = await box.spawn(['sh', '-c', 'sleep 100 & sleep 100; :']);
    const own = groups();
    expect(own.length).toBeGreaterThan(0);
    const members = readFileSync(join(own[0] as string, 'cgroup.procs'), 'utf8')
      .trim()
      .split('\n');
    const names = (): string[] =>
      readFileSync(join(own[0] as string, 'cgroup.procs'), 'utf8')
        .trim()
        .split('\n')
        .map((pid) => readFileSync(`/proc/${pid}/comm`, 'utf8').trim())
        .sort();
    const expected = ['barchan-init', 'barchan-keeper', 'barchan-super', 'sh', 'sleep', 'sleep'];
    await until(() => names().join() === expected.join());
    expect(members).toContain(String(guest.pid));
    await box.close();
    expect(groups()).toEqual([]);
  });
});

describe('limits that every host keeps', () => {
  it('wallMs: programs are timed out, and then nothing starts any more', async () => {
    await using box = await Sandbox.create({ limits: { wallMs: 400 } });
    const [first, second] = await Promise.all([box.exec(['sleep', '20']), box.exec(['sleep', '20'])]);
    for (const result of [first, second])
      expect(result).toMatchObject({ signal: 'SIGKILL', timedOut: true, limit: 'wallMs' });
    await expect(box.exec(['true'])).rejects.toMatchObject({ code: 'ERR_SANDBOX_CLOSED' });
  });

  it('wallMs: also while Node is busy', async () => {
    await using box = await Sandbox.create({ limits: { wallMs: 300 } });
    const guest = await box.spawn(['sleep', '30']);
    const gone = (): boolean => {
      try {
        return /\) [ZX] /.test(readFileSync(`/proc/${guest.pid}/stat`, 'utf8'));
      } catch {
        return true;
      }
    };
    for (const end = Date.now() + 5000; Date.now() < end && !gone(); );
    expect(gone()).toBe(true);
    expect(await guest.exited).toMatchObject({ timedOut: true, limit: 'wallMs' });
  });

  it('output: of both streams together, and no byte more', async () => {
    const result = await run(['sh', '-c', 'yes out & yes err >&2'], { limits: { output: '100k' } });
    expect(result).toMatchObject({ limit: 'output', truncated: true });
    expect(result.stdout.length + result.stderr.length).toBe(100 * 1024);
    const less = await run(['sh', '-c', 'echo out; echo err >&2'], { limits: { output: 8 } });
    expect(less).toMatchObject({ limit: null, truncated: false, stdout: 'out\n', stderr: 'err\n' });
  });

  it('output: of a spawned program', async () => {
    await using box = await Sandbox.create({ limits: { output: 1000 } });
    const guest = await box.spawn(['yes'], { stdio: ['ignore', 'pipe', 'ignore'] });
    let bytes = 0;
    for await (const chunk of guest.stdout ?? []) bytes += (chunk as Buffer).length;
    expect(await guest.exited).toMatchObject({ limit: 'output' });
    expect(bytes).toBe(1000);
  });

  it('disk: what can be written', async () => {
    const script =
      'head -c 20m /dev/zero > /tmp/file; stat -c %s /tmp/file; i=0; while : > /tmp/x$i; do i=$((i+1)); done 2> /dev/null; [ $i -lt 10000 ] && echo ends';
    const { stdout, stderr } = await run(['bash', '-c', script], { limits: { disk: '8m' } });
    expect(stderr).toContain('No space left on device');
    expect(stdout).toBe(`${8 * 1024 ** 2}\nends\n`);
  });

  it('openFiles and fileSize', async () => {
    const { stdout } = await run(
      [
        'bash',
        '-c',
        'trap "" XFSZ; head -c 1m /dev/zero > /tmp/file; stat -c %s /tmp/file; ulimit -n; ulimit -Hn',
      ],
      { limits: { openFiles: 40, fileSize: '10k' } },
    );
    expect(stdout).toBe('10240\n40\n40\n');
  });
});

describe('what cannot be kept', () => {
  const impossible: [LimitName & WeakenableLimit, object, boolean][] = [
    ['memory', { memory: '64m' }, !grouped('memory')],
    ['cpus', { cpus: 1 }, !grouped('cpu')],
    ['pids', { pids: 20 }, !grouped('pids') && isRoot],
    ['cpuMs', { cpuMs: 1000 }, !grouped('cpuacct')],
    [
      'io',
      { io: '1m' },
      hierarchies().some(({ controllers }) => controllers.includes('blkio')) || !grouped('io'),
    ],
  ];
  it.each(impossible.filter(([, , applies]) => applies))(
    '%s is refused by name, unless it is left out by name',
    async (name, limits) => {
      await expect(Sandbox.create({ limits })).rejects.toMatchObject({
        code: 'ERR_LIMIT_UNAVAILABLE',
        path: `options.limits.${name}`,
        remedy: expect.stringContaining(`allowWeaker: ['${name}']`),
      });
      expect(await run(['true'], { limits, allowWeaker: [name] })).toMatchObject({ exitCode: 0 });
    },
  );

  it('a group that does not exist, one by one', async () => {
    await expect(
      Sandbox.create({
        limits: { pids: 20, memory: '64m', cgroup: '/none/such' },
        user: { uid: 0, gid: 0, hostUid: 0, hostGid: 0 },
      }),
    ).rejects.toMatchObject({ code: isRoot ? 'ERR_LIMIT_UNAVAILABLE' : expect.any(String) });
  });

  it('disk, where changes go to a folder', async () => {
    const rootfs = { directory: '/', writable: { directory: '/tmp' } };
    await expect(Sandbox.create({ rootfs, limits: { disk: '8m' } })).rejects.toMatchObject({
      code: 'ERR_LIMIT_UNAVAILABLE',
      path: 'options.limits.disk',
    });
  });

  it('output that does not pass this process', async () => {
    await using box = await Sandbox.create({ limits: { output: 10 } });
    await expect(box.spawn(['true'], { stdio: 'inherit' })).rejects.toMatchObject({
      code: 'ERR_LIMIT_UNAVAILABLE',
      path: 'options.limits.output',
    });
    const guest = await box.spawn(['true'], { stdio: 'ignore' });
    expect(await guest.exited).toMatchObject({ exitCode: 0 });
  });
});
