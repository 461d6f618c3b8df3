/** What is measured on, and how the measurement is put apart from what would falsify it. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { doctor } from '../dist/index.js';
import { root, scheduling, versions } from './peers.mjs';

const again = 'BARCHAN_BENCH_APART';

/**
 * crun takes no hybrid control groups, so that everything runs where the version-2 ones are unmounted, natively and under Barchan
 * too. Does not return where it starts this program once more.
 */
export function apart() {
  if (process.env[again] || process.getuid?.() !== 0 || !existsSync('/sys/fs/cgroup/unified/cgroup.procs'))
    return;
  const words = ['--mount', '--propagation', 'private', 'sh', '-c'];
  const hide = 'umount /sys/fs/cgroup/unified && mount -t tmpfs none /sys/fs/cgroup/unified && exec "$@"';
  const { status } = spawnSync(
    'unshare',
    [...words, hide, 'sh', process.execPath, ...process.argv.slice(1)],
    {
      stdio: 'inherit',
      env: { ...process.env, [again]: '1' },
    },
  );
  process.exit(status ?? 1);
}

/** @param {string} file */
const first = (file) => {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    return 'not told';
  }
};

/** What doctor() says that the other lines do too, or that is a path of this machine. */
const named = ['platform', 'node', 'kernel', 'native'];

/** @param {number} rounds */
export async function machine(rounds) {
  const report = await doctor();
  return {
    processor: cpus()[0]?.model,
    cores: availableParallelism(),
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    kernel: release(),
    'frequency governor': first('/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor'),
    load: loadavg()
      .map((value) => value.toFixed(1))
      .join(' '),
    scheduling: `${scheduling}${scheduling === 'normal' ? '' : ', runc normal'}`,
    // Node.js reads this file at each start, which takes longer than the start.
    NODE_EXTRA_CA_CERTS: process.env.NODE_EXTRA_CA_CERTS ? 'set, for all ways' : 'not set',
    kvm: report.checks
      .filter(({ name }) => !named.includes(name))
      .map(({ name, found }) => `${name}: ${found}`)
      .join('; '),
    ...versions(),
    barchan: JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version,
    date: new Date().toISOString(),
    rounds,
  };
}
