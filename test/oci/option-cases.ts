/** Options of `run` that a container's control groups, mounts and terminal show, with the plain runtime and with Barchan. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { it } from 'vitest';
import { projectRoot } from './bed.js';
import { brief, same } from './engine-cases.js';
import type { Engine } from './engines.js';

const consoleProgram = join(projectRoot, 'test/oci/console.py');
const tasks = 64;

/** Ends a container whose first process heeds no TERM. */
export function remove(engine: Engine, ...names: string[]): void {
  engine.call(['kill', ...names]);
  engine.call(['rm', '-f', ...names]);
}

/** Name, whether memory is in use, its limit as the engine writes it, whether there are tasks, within theirs. */
function stats(engine: Engine, name: string) {
  const format = '{{.Name}} {{.MemUsage}} {{.PIDs}}';
  const { stdout } = engine.call(['stats', '--no-stream', '--format', format, name]);
  const [, who, used, limit, pids] = /^(\S+) ([\d.]+)[KkM]i?B \/ (\S+) (\d+)\n$/.exec(stdout) ?? [stdout];
  return [who, Number(used) > 0, limit, Number(pids) > 0 && Number(pids) <= tasks];
}

/** `limit`: 64 MiB as the engine's `stats` writes it. */
export function options(engine: Engine, limit: string): void {
  const name = `options-${process.pid}`;

  it('sets and shows --cpus, --memory, --pids-limit, --tmpfs and --entrypoint', () => {
    const words = ['-d', '--name', name, '--cpus', '0.5', '--memory', '64m', '--pids-limit', String(tasks)];
    words.push('--tmpfs', '/scratch:size=1m,mode=1777', '--entrypoint', 'sleep');
    const quota = ['cpu.max', 'cpu/cpu.cfs_quota_us', 'cpu/cpu.cfs_period_us'];
    const group = (files: string[]) => `cd /sys/fs/cgroup; cat ${files.join(' ')} 2>/dev/null | tr '\\n' ' '`; // version 2 or 1
    const inside = [
      group([...quota, 'pids.max', 'pids/pids.max']),
      'grep -o "^tmpfs /scratch tmpfs" /proc/mounts',
      'stat -c %a /scratch',
      'dd if=/dev/zero of=/scratch/x bs=64k count=17 2>/dev/null || stat -c %s /scratch/x',
    ];
    same(
      engine,
      (r) => {
        const call = (...args: string[]) => engine.call(args);
        try {
          const seen: unknown[] = [engine.runImage(r, words, 'box', '1000').status];
          const fields = ['Memory', 'NanoCpus', 'PidsLimit'].map((field) => `{{.HostConfig.${field}}}`);
          seen.push(call('inspect', '-f', fields.join(' '), name).stdout);
          seen.push(call('exec', name, 'ps', '-o', 'pid,args').stdout.includes('1 sleep 1000'));
          seen.push(call('exec', name, 'sh', '-c', inside.join('; ')).stdout);
          seen.push(stats(engine, name));
          return seen;
        } finally {
          remove(engine, name);
        }
      },
      [
        0,
        `${64 << 20} 500000000 ${tasks}\n`,
        true,
        `50000 100000 ${tasks} tmpfs /scratch tmpfs\n1777\n${1 << 20}\n`,
        [name, true, limit, true],
      ],
    );
  });

  it('hands the size of its terminal, each change of it, and ^C to a container', () => {
    const script = [
      'until [ "$(stty size 2>/dev/null)" = "24 80" ]; do sleep 0.05; done',
      `trap 'if [ "$(stty size)" = "33 77" ]; then trap "" WINCH; echo resized; echo send-interrupt; fi' WINCH`,
      'trap "echo interrupted; exit 7" INT',
      'echo send-resize; while :; do sleep 0.1; done',
    ].join('; ');
    same(
      engine,
      (r) => {
        const run = engine.run(r, ['--rm', '-it', '--name', name], 'box', ['sh', '-c', script]);
        const { status, stdout } = spawnSync('python3', [consoleProgram, '--', ...engine.words, ...run], {
          env: engine.env,
          cwd: engine.folder,
          encoding: 'utf8',
          timeout: 60_000,
        });
        return brief({ status: status ?? -1, stdout });
      },
      [7, 'send-resize\r\nresized\r\nsend-interrupt\r\n^Cinterrupted\r\n'],
    );
  });
}
