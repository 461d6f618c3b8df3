/** Namespaces, their own and joined by path (runtime-spec, config-linux.md "Namespaces"). */
import { readlinkSync } from 'node:fs';
import { Box } from '../bed.js';
import { answer, type Case, outcome, running } from './case.js';

const kinds = { pid: 'pid', network: 'net', ipc: 'ipc', uts: 'uts', mount: 'mnt' } as const;

/** Runs `script` in a container that joins the namespace of another one's process. */
async function joined(box: Box, type: keyof typeof kinds, script: string): Promise<unknown> {
  const other = new Box(box.runtime.flavor, box.runtime.isBarchan);
  other.config.hostname = 'first';
  await running(other);
  const path = `/proc/${other.pid}/ns/${kinds[type]}`;
  for (const namespace of box.config.linux.namespaces) if (namespace.type === type) namespace.path = path;
  if (type === 'uts') delete box.config.hostname;
  const same = readlinkSync(path);
  const seen = answer(box, `${script}; readlink /proc/self/ns/${kinds[type]}`);
  other.dispose();
  return { ...seen, stdout: seen.stdout.replace(same, 'the same') };
}

export const namespaceCases: Case[] = [
  {
    name: 'all are new',
    observe: (box) => {
      const { stdout } = answer(
        box,
        Object.values(kinds)
          .map((kind) => `readlink /proc/self/ns/${kind}`)
          .join(';'),
      );
      return stdout
        .trim()
        .split('\n')
        .map((link, i) => link !== readlinkSync(`/proc/self/ns/${Object.values(kinds)[i]}`));
    },
    expected: [true, true, true, true, true],
  },
  {
    name: 'a pid namespace by path',
    observe: (box) => joined(box, 'pid', 'test $$ != 1 && echo not 1; test -d /proc/1 && echo sees 1'),
    expected: { status: 0, stdout: 'not 1\nsees 1\nthe same\n' },
  },
  {
    name: 'a network namespace by path',
    observe: (box) => joined(box, 'network', 'echo'),
    expected: { status: 0, stdout: '\nthe same\n' },
  },
  {
    name: 'an IPC namespace by path',
    observe: (box) => joined(box, 'ipc', 'echo'),
    expected: { status: 0, stdout: '\nthe same\n' },
  },
  {
    name: 'a UTS namespace by path',
    observe: (box) => joined(box, 'uts', 'hostname'),
    expected: { status: 0, stdout: 'first\nthe same\n' },
  },
  {
    name: 'a path that is no namespace',
    observe: (box) => {
      box.config.linux.namespaces[1].path = '/dev/null';
      return outcome(box.run('true'));
    },
    expected: 'failed',
  },
  {
    name: "the host's network",
    observe: (box) => {
      box.config.linux.namespaces = box.config.linux.namespaces.filter(
        (n: { type: string }) => n.type !== 'network',
      );
      box.config.mounts = box.config.mounts.filter((m: { type: string }) => m.type !== 'sysfs');
      return answer(box, 'readlink /proc/self/ns/net').stdout.trim() === readlinkSync('/proc/self/ns/net');
    },
    expected: true,
  },
  {
    name: 'a user namespace',
    observe: (box) => {
      box.config.linux.namespaces.push({ type: 'user' });
      const map = [{ containerID: 0, hostID: 100000, size: 65536 }];
      box.config.linux.uidMappings = map;
      box.config.linux.gidMappings = map;
      box.config.mounts = box.config.mounts.filter((m: { type: string }) => m.type !== 'sysfs');
      spawnSync('chmod', ['755', box.folder]);
      spawnSync('chown', ['-R', '100000:100000', box.path('rootfs')]);
      return answer(
        box,
        "id -u; awk '{ print $1, $2, $3 }' /proc/self/uid_map; echo x > /data/x && stat -c %u /data/x",
      );
    },
    expected: { status: 0, stdout: '0\n0 100000 65536\n0\n' },
  },
  {
    name: 'a cgroup namespace',
    observe: (box) => {
      box.config.linux.namespaces.push({ type: 'cgroup' });
      return answer(box, 'grep :pids: /proc/self/cgroup | cut -d: -f3');
    },
    expected: { status: 0, stdout: '/\n' },
  },
  {
    name: 'the loopback interface is there and up',
    observe: (box) =>
      answer(
        box,
        'ping -c1 -W1 127.0.0.1 >/dev/null 2>&1; cat /sys/class/net/lo/operstate; ls /sys/class/net',
      ),
  },
  {
    name: 'sysctls of a namespace',
    observe: (box) => {
      box.config.linux.sysctl = { 'kernel.shm_rmid_forced': '1', 'net.ipv4.ip_forward': '1' };
      return answer(box, 'cat /proc/sys/kernel/shm_rmid_forced /proc/sys/net/ipv4/ip_forward');
    },
    expected: { status: 0, stdout: '1\n1\n' },
  },
];

import { spawnSync } from 'node:child_process';
