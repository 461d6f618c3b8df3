// What barchan-runtime is for, and what must not be left of it.
import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { requires } from '../helpers/skip.js';
import {
  Box,
  barchanRuntime,
  callInBackground,
  disposeAll,
  type Flavor,
  hasVcpu,
  needsRuntime,
  projectRoot,
  removeTemplates,
} from './bed.js';
import { running } from './cases/case.js';

const flavors: readonly Flavor[] = ['crun', 'runc'];

afterEach(disposeAll);
afterAll(removeTemplates);

const idle = 'echo ready; while :; do sleep 0.05; done';

/** Everything below a runtime's root but the note on its version. */
const leftovers = (box: Box) =>
  existsSync(box.runtime.root)
    ? readdirSync(box.runtime.root, { recursive: true, encoding: 'utf8' }).filter(
        (name) => !/^(crun|runc|bundles|checked-\w+)$/.test(name),
      )
    : [];

const processesWith = (text: string) =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cgroup`, 'utf8').includes(text);
      } catch {
        return false;
      }
    });

const cgroupsWith = (text: string) =>
  spawnSync('find', ['/sys/fs/cgroup', '-maxdepth', '4', '-name', `*${text}*`], { encoding: 'utf8' }).stdout;

for (const flavor of flavors) {
  describe(`over ${flavor}`, () => {
    beforeEach((context) => needsRuntime(context, flavor));

    it('has every process of a container in a virtual machine', async () => {
      const box = new Box(flavor, true);
      await running(box, 'sleep 100 & (sleep 100; true) & echo ready; wait');
      const inside = callInBackground(box.runtime, ['exec', box.id, 'sleep', '100']);
      await box.until(() => processesWith(box.id).length >= 5, 'the processes');
      // A fork makes its own machine before it goes on: give the last one the time.
      await expect
        .poll(
          () =>
            processesWith(box.id)
              .filter((pid) => !hasVcpu(Number(pid)))
              .map(commandOf),
          { timeout: 15_000 },
        )
        .toEqual([]);
      for (const pid of processesWith(box.id))
        expect(readFileSync(`/proc/${pid}/maps`, 'utf8')).toContain('barchan-monitor');
      inside.kill('SIGKILL');
    });

    it('shows the guest neither the device nor the monitor', async () => {
      const box = new Box(flavor, true);
      const { stdout } = box.run(
        'ls /dev | grep -c kvm; ls -l /proc/self/fd | grep -cE "kvm|barchan|memfd"; grep -c barchan /proc/self/maps /proc/self/mountinfo; readlink /proc/self/exe',
      );
      expect(stdout).toBe('0\n0\n/proc/self/maps:0\n/proc/self/mountinfo:0\n/bin/busybox\n');
    });

    it('executes a sealed copy of the monitor', async () => {
      const box = new Box(flavor, true);
      await running(box);
      const { stderr, status } = spawnSync('sh', ['-c', `echo x > /proc/${box.pid}/exe`], {
        encoding: 'utf8',
      });
      expect(status).not.toBe(0);
      expect(stderr).toMatch(/Text file busy|not permitted/);
    });

    it('does not touch the bundle', async () => {
      const box = new Box(flavor, true);
      const before = readFileSync(box.write('true').path('config.json'), 'utf8');
      const files = readdirSync(box.folder).filter((name) => !name.startsWith('call-'));
      expect(box.call(['run', '--bundle', box.folder, box.id]).status).toBe(0);
      expect(readFileSync(box.path('config.json'), 'utf8')).toBe(before);
      expect(readdirSync(box.folder).filter((name) => !name.startsWith('call-') && name !== 'root')).toEqual(
        files,
      );
    });

    it('leaves nothing after create and delete, run, and failures', async () => {
      const box = new Box(flavor, true);
      await running(box);
      expect(leftovers(box)).not.toEqual([]);
      box.call(['delete', '--force', box.id]);
      expect(leftovers(box)).toEqual([]);
      box.run('true');
      expect(leftovers(box)).toEqual([]);
      box.config.mounts.push({ destination: '/x', type: 'bind', source: '/no/such', options: ['bind'] });
      expect(box.write('true').create().status).not.toBe(0);
      expect(box.run('true').status).not.toBe(0);
      box.call(['delete', '--force', box.id]);
      expect(leftovers(box)).toEqual([]);
    });

    it('refuses systemd, whatever it is called', () => {
      const box = new Box(flavor, true);
      mkdirSync(box.path('rootfs/lib/systemd'), { recursive: true });
      mkdirSync(box.path('rootfs/sbin'));
      writeFileSync(box.path('rootfs/lib/systemd/systemd'), '', { mode: 0o755 });
      symlinkSync('/lib/systemd/systemd', box.path('rootfs/sbin/init'));
      for (const program of ['/sbin/init', 'init', '/lib/systemd/systemd']) {
        box.config.process.args = [program];
        const { status, stderr } = box.run();
        expect([status, stderr]).toEqual([
          1,
          expect.stringContaining('is systemd, which cannot run under Barchan'),
        ]);
      }
      rmSync(box.path('rootfs/sbin/init'));
      symlinkSync('/bin/busybox', box.path('rootfs/sbin/init'));
      box.config.process.args = ['/sbin/init', '--help'];
      expect(box.run().stderr).not.toContain('systemd');
    });

    it('refuses checkpoints and SCMP_ACT_NOTIFY', () => {
      const box = new Box(flavor, true);
      expect(box.call(['checkpoint', box.id]).stderr).toContain('cannot be saved');
      box.config.linux.seccomp = {
        defaultAction: 'SCMP_ACT_ALLOW',
        syscalls: [{ names: ['mkdir'], action: 'SCMP_ACT_NOTIFY' }],
      };
      expect(box.run('true').stderr).toContain(
        'linux.seccomp.syscalls[0].action: SCMP_ACT_NOTIFY is not supported',
      );
    });

    it('judges by the policy of an annotation', (context) => {
      const folder = '/etc/barchan/policies';
      requires(context, !existsSync(folder), `${folder} is the administrator's`);
      const cli = join(projectRoot, 'dist/cli/main.js');
      const machine = mkdtempSync(join(tmpdir(), 'barchan-policies-'));
      spawnSync(process.execPath, [cli, 'install', 'podman', '--root', machine]);
      cpSync(join(machine, folder), folder, { recursive: true });
      try {
        const box = new Box(flavor, true);
        box.config.annotations = { 'dev.barchan.policy': 'default' };
        // chroot(2) is not in `default`, and is in the container's own rights.
        for (const set of Object.values(box.config.process.capabilities) as string[][])
          set.push('CAP_SYS_CHROOT');
        expect(box.run('echo works | cat; chroot / true 2>/dev/null || echo refused').stdout).toBe(
          'works\nrefused\n',
        );
        box.config.annotations = {};
        expect(box.run('chroot / true && echo lets').stdout).toBe('lets\n');
        box.config.annotations = { 'dev.barchan.policy': 'no-such' };
        expect(box.run('true').stderr).toContain('there is no policy no-such');
      } finally {
        rmSync('/etc/barchan', { recursive: true });
        rmSync(machine, { recursive: true });
      }
    });

    it('starts a hundred containers, twenty at a time, and leaves nothing', async () => {
      const { runtime, folder, config } = new Box(flavor, true);
      config.process.args = ['sh', '-c', 'echo x | cat >/dev/null; sleep 0.2'];
      writeFileSync(join(folder, 'config.json'), JSON.stringify(config));
      const prefix = `many-${process.pid}-${flavor}`;
      const finished = (args: string[]) =>
        new Promise<number | null>((resolve) => callInBackground(runtime, args).once('close', resolve));
      let next = 0;
      const worker = async () => {
        for (let i = next++; i < 100; i = next++) {
          const id = `${prefix}-${i}`;
          expect(await finished(['create', '--bundle', folder, id])).toBe(0);
          expect(await finished(['start', id])).toBe(0);
          await finished(['exec', id, 'true']); // it may have ended by then
          expect(await finished(['delete', '--force', id])).toBe(0);
        }
      };
      await Promise.all(Array.from({ length: 20 }, worker));
      expect(readdirSync(join(runtime.root, 'bundles'))).toEqual([]);
      expect(readdirSync(join(runtime.root, flavor))).toEqual([]);
      expect(cgroupsWith(prefix)).toBe('');
      await expect.poll(() => processesWith(prefix), { timeout: 10_000 }).toEqual([]);
      expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(folder);
    }, 240_000);

    it('killed at any moment, leaves what delete --force removes', async () => {
      const box = new Box(flavor, true);
      box.write(idle);
      for (let i = 0; i < 25; i++) {
        const id = `${box.id}-${i}`;
        const child = callInBackground(box.runtime, ['create', '--bundle', box.folder, id]);
        const closed = new Promise((resolve) => child.once('close', resolve));
        await new Promise((resolve) => setTimeout(resolve, 2 + i * 3));
        // The process itself: sh and unshare before it have become it.
        child.kill('SIGKILL');
        await closed;
        // The runtime below dies with it, not before it; what it has made by then may live on.
        await new Promise((resolve) => setTimeout(resolve, 50));
        expect(box.call(['delete', '--force', id]).status).toBe(0);
        expect(leftovers(box), `after ${2 + i * 3} ms`).toEqual([]);
      }
      await expect.poll(() => runtimesOf(box.folder), { timeout: 10_000 }).toEqual([]);
      expect(processesWith(box.id)).toEqual([]);
      expect(cgroupsWith(box.id)).toBe('');
    }, 120_000);
  });
}

/** Processes of a runtime that make a container of this bundle. */
function runtimesOf(bundle: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
        return words.includes('create') && words.includes(bundle);
      } catch {
        return false;
      }
    });
}

const commandOf = (pid: string) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');

describe('the command line', () => {
  it('has the version of the package', () => {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
    const { stdout } = spawnSync(barchanRuntime, ['--version'], { encoding: 'utf8' });
    expect(stdout).toMatch(
      new RegExp(`^barchan-runtime version ${version.replaceAll('.', '\\.')}\nspec: 1\\.`),
    );
  });

  it('tells its features', () => {
    const { stdout } = spawnSync(barchanRuntime, ['features'], { encoding: 'utf8' });
    const features = JSON.parse(stdout);
    expect(features.ociVersionMin).toBe('1.0.0');
    expect(features.linux.seccomp.enabled).toBe(true);
  });

  it('says what is missing when there is no runtime below it', () => {
    const env = { PATH: dirname(barchanRuntime), BARCHAN_OCI_RUNTIME: 'no-such-runtime' };
    const { status, stderr } = spawnSync(barchanRuntime, ['list'], { encoding: 'utf8', env });
    expect([status, stderr]).toEqual([1, 'barchan-runtime: there is no runtime no-such-runtime in PATH\n']);
  });
});

describe('hostile and broken configs', () => {
  beforeEach((context) => needsRuntime(context, 'crun'));

  const refused = (text: string) => {
    const box = new Box('crun', true);
    writeFileSync(box.path('config.json'), text);
    const { status, stderr } = box.call(['create', '--bundle', box.folder, box.id]);
    expect(status).toBe(1);
    return stderr
      .replace(/^barchan-runtime: /, '')
      .replace(box.folder, '')
      .trim();
  };
  const changed = (change: (config: ReturnType<typeof JSON.parse>) => void) => {
    const { config } = new Box('crun', true);
    change(config);
    return refused(JSON.stringify(config));
  };

  it.each<[string, string, string]>([
    ['nothing', '', '/config.json:1:1: expected a value, found the end'],
    ['no end', '{"a":[1,2', "/config.json:1:10: expected ',' or ']'"],
    ['a name twice', '{"process":{},\n "process":{}}', '/config.json:2:11: a name occurs twice in an object'],
    [
      'a name twice by an escape',
      '{"a":1,"\\u0061":2}',
      '/config.json:1:16: a name occurs twice in an object',
    ],
    [
      'another case',
      '{"ociVersion":"1.0.0","Process":{}}',
      '/config.json: Process differs from process in its letters only: some readers take one for the other',
    ],
    [
      'a long s',
      '{"ociVersion":"1.0.0","proce\u017fs":{}}',
      '/config.json: proce\u017fs differs from process in its letters only: some readers take one for the other',
    ],
    ['a comment', '{} // end', '/config.json:1:4: there is more after the value'],
    ['too deep', '['.repeat(100), '/config.json:1:66: values are nested too deeply'],
    ['an array', '[]', '/config.json: config.json must be an object'],
  ])('%s', (_, text, message) => expect(refused(text)).toBe(message));

  it.each<[string, (config: ReturnType<typeof JSON.parse>) => void, string]>([
    ['no version', (c) => delete c.ociVersion, 'ociVersion must be a string'],
    [
      'another version',
      (c) => Object.assign(c, { ociVersion: '2.0.0' }),
      'ociVersion 2.0.0 is not supported: it must be 1.x',
    ],
    ['no process', (c) => delete c.process, 'process must be an object'],
    [
      'no arguments',
      (c) => Object.assign(c.process, { args: [] }),
      'process.args must be an array of strings that is not empty',
    ],
    [
      'a number as argument',
      (c) => Object.assign(c.process, { args: ['sh', 1] }),
      'process.args[1] must be a string',
    ],
    [
      'NUL in an argument',
      (c) => Object.assign(c.process, { args: ['sh', 'a\0b'] }),
      'process.args[1] holds a NUL character',
    ],
    [
      'NUL in the environment',
      (c) => Object.assign(c.process, { env: ['A=\0'] }),
      'process.env[0] holds a NUL character',
    ],
    ['no root', (c) => delete c.root, 'root.path must be a string that is not empty'],
    [
      'a limit twice',
      (c) => c.process.rlimits.push(c.process.rlimits[0]),
      'process.rlimits[1]: RLIMIT_NOFILE occurs twice',
    ],
    [
      'a negative limit',
      (c) => Object.assign(c.process.rlimits[0], { soft: -1 }),
      'process.rlimits[0].soft must be a number from 0 to 2^64-1',
    ],
    ['mounts that are none', (c) => Object.assign(c, { mounts: {} }), 'mounts must be an array'],
    [
      'an annotation of ours that there is not',
      (c) => Object.assign(c, { annotations: { 'dev.barchan.typo': 'x' } }),
      'annotations: there is no dev.barchan.typo',
    ],
    [
      'a policy that is a path',
      (c) => Object.assign(c, { annotations: { 'dev.barchan.policy': '../x' } }),
      "annotations: dev.barchan.policy must be a name of letters a to z, digits and '-'",
    ],
    [
      'a comparison that there is not',
      (c) =>
        Object.assign(c.linux, {
          seccomp: {
            defaultAction: 'SCMP_ACT_ALLOW',
            syscalls: [
              { names: ['read'], action: 'SCMP_ACT_ERRNO', args: [{ index: 0, value: 0, op: '==' }] },
            ],
          },
        }),
      'linux.seccomp.syscalls[0].args[].op: there is no comparison ==',
    ],
    [
      'an argument past the sixth',
      (c) =>
        Object.assign(c.linux, {
          seccomp: {
            defaultAction: 'SCMP_ACT_ALLOW',
            syscalls: [
              {
                names: ['read'],
                action: 'SCMP_ACT_ERRNO',
                args: [{ index: 6, value: 0, op: 'SCMP_CMP_EQ' }],
              },
            ],
          },
        }),
      'linux.seccomp.syscalls[0].args[].index must be a number from 0 to 5',
    ],
  ])('%s', (_, change, message) => expect(changed(change)).toBe(`/config.json: ${message}`));
});
