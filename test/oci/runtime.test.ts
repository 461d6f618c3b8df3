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
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { requires } from '../helpers/skip.js';
import {
  Box,
  callInBackground,
  disposeAll,
  type Flavor,
  hasVcpu,
  needsRuntime,
  projectRoot,
  removeTemplates,
} from './bed.js';
import { leftovers, processesWith } from './leftovers.js';
import { running } from './lifecycle/case.js';

const flavors: readonly Flavor[] = ['crun', 'runc'];

afterEach(disposeAll);
afterAll(removeTemplates);

const commandOf = (pid: string) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');

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

    it('asks for no higher limit of open files than a user namespace can give', (context) => {
      requires(context, flavor === 'crun', 'runc does not do without control groups, not writable there');
      const box = new Box(flavor, true);
      const outside = ['unshare', '--user', '--map-root-user', 'sh', '-c', 'ulimit -n 8192; exec "$@"', 'sh'];
      box.runtime.words = [...outside, ...box.runtime.words, '--cgroup-manager', 'disabled'];
      box.config.process.rlimits = [{ type: 'RLIMIT_NOFILE', soft: 8192, hard: 8192 }];
      // The monitor's own descriptors are among them: docs/oci.md.
      const { status, stderr, stdout } = box.run('ulimit -Sn; ulimit -Hn');
      expect([status, stderr, stdout]).toEqual([0, '', '6144\n6144\n']);
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
  });
}
