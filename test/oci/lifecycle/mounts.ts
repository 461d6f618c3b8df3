/** Mounts, the root, masked and read-only paths (runtime-spec, config.md "Mounts", config-linux.md). */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { Box } from '../bed.js';
import { answer, type Case, outcome } from './case.js';

function mount(box: Box, options: string[], more: object = {}): void {
  mkdirSync(box.path('volume'), { recursive: true });
  writeFileSync(box.path('volume/file'), 'content\n');
  box.config.mounts.push({
    destination: '/data',
    type: 'bind',
    source: box.path('volume'),
    options,
    ...more,
  });
}

export const mountCases: Case[] = [
  {
    name: 'a volume to read and write',
    observe: (box) => {
      mount(box, ['rbind', 'rw']);
      return [
        answer(box, 'cat /data/file; echo new > /data/out'),
        readFileSync(box.path('volume/out'), 'utf8'),
      ];
    },
    expected: [{ status: 0, stdout: 'content\n' }, 'new\n'],
  },
  {
    name: 'a volume to read only',
    observe: (box) => {
      mount(box, ['rbind', 'ro']);
      return [
        answer(box, 'cat /data/file; touch /data/out 2>/dev/null || echo refused'),
        existsSync(box.path('volume/out')),
      ];
    },
    expected: [{ status: 0, stdout: 'content\nrefused\n' }, false],
  },
  {
    name: 'a source relative to the bundle',
    observe: (box) => {
      mount(box, ['bind', 'ro'], { source: 'volume' });
      return answer(box, 'cat /data/file');
    },
    expected: { status: 0, stdout: 'content\n' },
  },
  {
    name: 'one file',
    observe: (box) => {
      mount(box, ['bind', 'ro'], { source: box.path('config.json'), destination: '/etc/one' });
      return answer(box, 'head -c 1 /etc/one');
    },
    expected: { status: 0, stdout: '{' },
  },
  {
    name: 'a source that is not there',
    observe: (box) => {
      mount(box, ['bind'], { source: '/no/such/folder' });
      return outcome(box.run('true'));
    },
    expected: 'failed',
  },
  {
    name: 'a place that is not there is made',
    observe: (box) => {
      mount(box, ['bind'], { destination: '/new/place' });
      return answer(box, 'cat /new/place/file');
    },
    expected: { status: 0, stdout: 'content\n' },
  },
  {
    name: 'a tmpfs of a size',
    observe: (box) => {
      mount(box, ['size=64k', 'mode=1777'], { type: 'tmpfs', source: 'tmpfs' });
      return answer(
        box,
        'dd if=/dev/zero of=/data/x bs=1k count=100 2>/dev/null || echo full; stat -c %s /data/x',
      );
    },
    expected: { status: 0, stdout: 'full\n65536\n' },
  },
  {
    name: 'noexec holds',
    observe: (box) => {
      mount(box, ['bind', 'noexec']);
      writeFileSync(box.path('volume/script'), '#!/bin/sh\necho ran\n', { mode: 0o755 });
      return answer(box, '/data/script 2>/dev/null; echo $?');
    },
    expected: { status: 0, stdout: '126\n' },
  },
  {
    name: 'flags show in mountinfo',
    observe: (box) => {
      mount(box, ['bind', 'nosuid', 'nodev', 'noexec', 'ro']);
      return answer(box, 'awk \'$5 == "/data" { print $6 }\' /proc/self/mountinfo | cut -d, -f1-4');
    },
    expected: { status: 0, stdout: 'ro,nosuid,nodev,noexec\n' },
  },
  {
    name: 'the same mounts are there, in their order',
    observe: (box) => answer(box, "awk '{ print $5 }' /proc/self/mountinfo"),
  },
  {
    name: 'later mounts cover earlier ones',
    observe: (box) => {
      mount(box, ['bind']);
      box.config.mounts.push({ destination: '/data', type: 'tmpfs', source: 'tmpfs' });
      return answer(box, 'ls /data; ls -d /data');
    },
    expected: { status: 0, stdout: '/data\n' },
  },
  {
    name: 'a masked file and a masked folder',
    observe: (box) => {
      box.config.linux.maskedPaths = ['/proc/version', '/proc/irq', '/no/such'];
      return answer(box, 'wc -c < /proc/version; ls /proc/irq | wc -l');
    },
    expected: { status: 0, stdout: '0\n0\n' },
  },
  {
    name: 'read-only paths',
    observe: (box) => {
      box.config.linux.readonlyPaths = ['/proc/sys', '/etc'];
      return answer(
        box,
        '(echo 1 > /proc/sys/vm/overcommit_memory) 2>/dev/null || echo refused; touch /etc/x 2>/dev/null || echo refused',
      );
    },
    expected: { status: 0, stdout: 'refused\nrefused\n' },
  },
  {
    name: 'a root to read only',
    observe: (box) => {
      box.config.root.readonly = true;
      return answer(box, 'touch /x 2>/dev/null || echo refused; touch /dev/x && echo tmpfs');
    },
    expected: { status: 0, stdout: 'refused\ntmpfs\n' },
  },
  {
    name: 'a root that is written',
    observe: (box) => [answer(box, 'echo x > /data/x'), readFileSync(box.path('rootfs/data/x'), 'utf8')],
    expected: [{ status: 0, stdout: '' }, 'x\n'],
  },
  {
    name: 'the root by an absolute path',
    observe: (box) => {
      box.config.root.path = box.path('rootfs');
      return answer(box, 'ls /bin/busybox');
    },
    expected: { status: 0, stdout: '/bin/busybox\n' },
  },
  {
    name: 'a root that is not there',
    observe: (box) => {
      box.config.root.path = 'no-such-root';
      return outcome(box.run('true'));
    },
    expected: 'failed',
  },
  ...['private', 'slave', 'shared'].map(
    (propagation): Case => ({
      name: `rootfsPropagation ${propagation}`,
      observe: (box) => {
        box.config.linux.rootfsPropagation = propagation;
        return answer(box, 'awk \'$5 == "/" { print $7 ~ /shared/, $7 ~ /master/ }\' /proc/self/mountinfo');
      },
    }),
  ),
  {
    name: 'no /proc in the container',
    observe: (box) => {
      box.config.mounts = box.config.mounts.filter((m: { destination: string }) => m.destination !== '/proc');
      box.config.linux.maskedPaths = [];
      box.config.linux.readonlyPaths = [];
      return [
        answer(box, 'echo works; ls /proc; echo x | cat'),
        existsSync(box.path('rootfs/.barchan-monitor')),
      ];
    },
  },
  {
    name: 'neither /proc nor /dev in the container, and an exec',
    observe: (box) => {
      box.config.mounts = [];
      box.config.linux.maskedPaths = [];
      box.config.linux.readonlyPaths = [];
      const created = outcome(box.write('sleep 20').create());
      const seen = [created, outcome(box.start()), box.exec('echo', 'works').stdout];
      box.call(['delete', '--force', box.id]);
      return [...seen, existsSync(box.path('rootfs/.barchan-monitor'))];
    },
  },
];
