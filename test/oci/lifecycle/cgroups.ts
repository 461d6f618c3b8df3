/** Control groups and devices (runtime-spec, config-linux.md). */
import { existsSync, readFileSync } from 'node:fs';
import type { Box } from '../bed.js';
import { answer, type Case, running } from './case.js';

function file(box: Box, controller: string, name: string): string {
  const line = readFileSync(`/proc/${box.pid}/cgroup`, 'utf8')
    .split('\n')
    .find((text) => text.split(':')[1] === controller);
  return readFileSync(`/sys/fs/cgroup/${controller}${line?.split(':')[2]}/${name}`, 'utf8').trim();
}

export const cgroupCases: Case[] = [
  {
    name: 'cgroupsPath is where the processes are, and is removed',
    observe: async (box) => {
      box.config.linux.cgroupsPath = `/${box.id}-group`;
      await running(box);
      const inside = file(box, 'pids', 'cgroup.procs').split('\n').includes(String(box.pid));
      box.call(['delete', '--force', box.id]);
      return [inside, existsSync(`/sys/fs/cgroup/pids/${box.id}-group`)];
    },
    expected: [true, false],
  },
  {
    name: 'limits of memory, processes and processor time',
    observe: async (box) => {
      box.config.linux.resources = {
        memory: { limit: 64 << 20 },
        pids: { limit: 40 },
        cpu: { shares: 512, quota: 50000, period: 100000 },
      };
      await running(box);
      return [
        file(box, 'memory', 'memory.limit_in_bytes'),
        file(box, 'pids', 'pids.max'),
        file(box, 'cpu', 'cpu.shares'),
        file(box, 'cpu', 'cpu.cfs_quota_us'),
      ];
    },
    expected: [String(64 << 20), '40', '512', '50000'],
  },
  {
    name: 'the limit of processes holds',
    observe: (box) => {
      box.config.linux.resources = { pids: { limit: 12 } };
      return (
        answer(
          box,
          'for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do sleep 100 >/dev/null 2>&1 & done 2>&1 | grep -c -i fork; true',
        ).stdout !== '0\n'
      );
    },
    expected: true,
  },
  {
    name: 'the limit of memory holds',
    observe: (box) => {
      box.config.linux.resources = { memory: { limit: 48 << 20, swap: 48 << 20 } };
      box.config.mounts.push({
        destination: '/data',
        type: 'tmpfs',
        source: 'tmpfs',
        options: ['size=200m'],
      });
      return (
        answer(box, 'sh -c "dd if=/dev/zero of=/data/x bs=1M count=100 2>/dev/null" ; echo $?').stdout !==
        '0\n'
      );
    },
    expected: true,
  },
  {
    name: 'devices are denied but for those that are allowed',
    observe: (box) => {
      box.config.linux.resources = {
        devices: [
          { allow: false, access: 'rwm' },
          { allow: true, type: 'c', major: 1, minor: 3, access: 'rwm' },
        ],
      };
      box.config.process.capabilities.bounding.push('CAP_DAC_OVERRIDE');
      return answer(
        box,
        'mknod /tmp/a c 1 3 && echo x > /tmp/a && echo null works; mknod /tmp/b c 10 229; head -c 1 /tmp/b 2>/dev/null || echo no fuse',
      );
    },
    expected: { status: 0, stdout: 'null works\nno fuse\n' },
  },
  {
    name: 'a device of the config',
    observe: (box) => {
      box.config.linux.devices = [
        { path: '/dev/mine', type: 'c', major: 1, minor: 5, fileMode: 0o640, uid: 0, gid: 8 },
      ];
      return answer(box, 'stat -c "%F %a %u %g %t %T" /dev/mine; head -c 3 /dev/mine | wc -c');
    },
    expected: { status: 0, stdout: 'character special file 640 0 8 1 5\n3\n' },
  },
  {
    name: 'the same devices are there',
    observe: (box) =>
      answer(
        box,
        'ls /dev; readlink /dev/fd /dev/stdin; stat -c %F /dev/null /dev/zero /dev/full /dev/random /dev/urandom /dev/tty',
      ),
  },
];
