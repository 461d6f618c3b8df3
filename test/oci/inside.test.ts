// What a process of a container can find out and reach from inside: it is in a virtual machine, without its monitor.
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeEach, expect, it } from 'vitest';
import { compileGuest } from '../helpers/guest-programs.mjs';
import { Box, disposeAll, hasVcpu, needsRuntime, projectRoot, removeTemplates } from './bed.js';

afterEach(disposeAll);
afterAll(removeTemplates);
beforeEach((context) => needsRuntime(context, 'crun'));

/** An address in each readable mapping above the arena (docs/design.md): the monitor's. */
const monitorAddresses = (pid: number): string[] =>
  readFileSync(`/proc/${pid}/maps`, 'utf8')
    .split('\n')
    .filter((line) => line.includes(' r') && !line.includes('[vsyscall]'))
    .map((line) => line.split('-')[0] as string)
    .filter((address) => Number.parseInt(address, 16) >= 0x6800_0000_0000);

it('reads nothing of its monitor, by itself, by system calls, and by /proc/self/mem', async () => {
  const source = fileURLToPath(new URL('probe.c', import.meta.url));
  const program = await compileGuest({ name: 'oci-probe', source }, 'static');
  const box = new Box('crun', true);
  copyFileSync(program, box.path('rootfs/bin/probe'));
  execFileSync('mkfifo', [box.path('rootfs/data/addresses')]);
  box.config.process.args = ['probe', '/data/addresses'];
  box.write().create();
  expect(box.start().status).toBe(0);
  await box.until(() => box.output.includes('\n'), 'the first answer');
  expect(hasVcpu(box.pid)).toBe(true);
  const monitor = monitorAddresses(box.pid);
  expect(readFileSync(`/proc/${box.pid}/maps`, 'utf8')).toContain('barchan-monitor');
  expect(monitor.length).toBeGreaterThan(4);
  // It waits for the other end of the pipe, and goes on when that is closed.
  const input = `${monitor.join('\n')}\n`;
  execFileSync('tee', [box.path('rootfs/data/addresses')], { input, timeout: 20_000 });
  await box.untilStopped();
  const [own, ...answers] = box.output.trim().split('\n');
  expect(own).toBe('read written seen');
  expect(answers).toEqual(monitor.map(() => 'SIGSEGV EFAULT unseen'));
});

it('finds no device to make machines with, though the config gives it one', () => {
  const check = (isBarchan: boolean) => {
    const box = new Box('crun', isBarchan);
    box.config.linux.devices = [{ path: '/dev/kvm', type: 'c', major: 10, minor: 232, fileMode: 0o666 }];
    for (const folder of ['/usr', '/lib', '/lib64', projectRoot].filter((path) => existsSync(path)))
      box.config.mounts.push({ destination: folder, type: 'bind', source: folder, options: ['rbind', 'ro'] });
    box.config.process.args = [process.execPath, join(projectRoot, 'dist/cli/main.js'), 'doctor', '--json'];
    const { stdout, stderr } = box.run();
    expect(stderr).toBe('');
    const { checks } = JSON.parse(stdout) as { checks: { name: string; ok: boolean; found: string }[] };
    return checks.find(({ name }) => name === 'device');
  };
  expect(check(false)).toMatchObject({ ok: true });
  expect(check(true)).toMatchObject({ ok: false, found: expect.stringContaining('Permission denied') });
});
