// What a container costs from start to exit: crun and runc as they are against barchan-runtime over them, and the same of
// create, exec and delete. Interleaved; medians of the time, and the mean of processor time, which other work on the machine
// changes less. Needs root, /dev/kvm, busybox-static and one of the runtimes.
//   node bench/oci/start.mjs [ROUNDS]
import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { cpus, release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const rounds = Number(process.argv[2] ?? 30);
const barchan = fileURLToPath(new URL('../../build/Release/barchan-runtime', import.meta.url));
// crun takes no hybrid control groups: the whole measurement runs where the version-2 ones are unmounted.
if (existsSync('/sys/fs/cgroup/unified/cgroup.procs')) {
  const inner = [
    'umount /sys/fs/cgroup/unified && mount -t tmpfs none /sys/fs/cgroup/unified && exec "$@"',
    'sh',
    process.execPath,
    ...process.argv.slice(1),
  ];
  const words = ['--mount', '--propagation', 'private', 'sh', '-c', ...inner];
  process.exit(spawnSync('unshare', words, { stdio: 'inherit' }).status ?? 1);
}

const folder = mkdtempSync(join(tmpdir(), 'barchan-bench-oci-'));
for (const name of ['bin', 'proc', 'dev', 'sys'])
  mkdirSync(join(folder, 'rootfs', name), { recursive: true });
copyFileSync('/bin/busybox', join(folder, 'rootfs/bin/busybox'));
for (const name of ['true', 'sleep']) symlinkSync('busybox', join(folder, 'rootfs/bin', name));

function bundle(name, args) {
  mkdirSync(join(folder, name));
  const config = {
    ociVersion: '1.0.2',
    process: { user: { uid: 0, gid: 0 }, args, env: ['PATH=/bin'], cwd: '/', noNewPrivileges: true },
    root: { path: join(folder, 'rootfs') },
    mounts: [
      { destination: '/proc', type: 'proc', source: 'proc' },
      { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'mode=755'] },
    ],
    linux: { namespaces: ['pid', 'network', 'ipc', 'uts', 'mount'].map((type) => ({ type })) },
  };
  writeFileSync(join(folder, name, 'config.json'), JSON.stringify(config));
  return join(folder, name);
}
const once = bundle('once', ['true']);
const idle = bundle('idle', ['sleep', '1000']);

// Processor time of all children that were waited for, and theirs (proc_pid_stat(5), cutime and cstime), in ms.
function usedByChildren() {
  const [, fields] = /\) (.*)/.exec(readFileSync('/proc/self/stat', 'utf8'));
  const [user, system] = fields.split(' ').slice(13, 15).map(Number);
  return (user + system) * 10; // ticks: sysconf(_SC_CLK_TCK) is 100 on x86-64
}

function timed(runtime, args) {
  const usedBefore = usedByChildren();
  const begin = process.hrtime.bigint();
  const { status } = spawnSync(runtime.words[0], [...runtime.words.slice(1), ...args], {
    stdio: 'ignore',
    env: { PATH: process.env.PATH, BARCHAN_OCI_RUNTIME: runtime.flavor },
  });
  const ms = Number(process.hrtime.bigint() - begin) / 1e6;
  if (status !== 0) throw new Error(`${runtime.words.join(' ')} ${args.join(' ')}: status ${status}`);
  return [ms, usedByChildren() - usedBefore];
}

const flavors = ['crun', 'runc'].filter((name) => spawnSync(name, ['--version']).status === 0);
const runtimes = flavors.flatMap((flavor) => [
  { name: flavor, flavor, words: [flavor, '--root', join(folder, `root-${flavor}`)] },
  {
    name: `barchan over ${flavor}`,
    flavor,
    words: [barchan, '--root', join(folder, `root-barchan-${flavor}`)],
  },
]);
const times = new Map(
  runtimes.map(({ name }) => [name, { run: [], create: [], start: [], exec: [], delete: [] }]),
);

for (let round = 0; round <= rounds; round++) {
  for (const runtime of runtimes) {
    const id = `bench-${process.pid}-${round}`;
    const sample = {
      run: timed(runtime, ['run', '--bundle', once, id]),
      create: timed(runtime, ['create', '--bundle', idle, id]),
      start: timed(runtime, ['start', id]),
      exec: timed(runtime, ['exec', id, 'true']),
      delete: timed(runtime, ['delete', '--force', id]),
    };
    if (round === 0) continue; // files come into memory
    for (const [what, both] of Object.entries(sample)) times.get(runtime.name)[what].push(both);
  }
}
rmSync(folder, { recursive: true, force: true });

const median = (list) => list.sort((a, b) => a - b)[Math.floor(list.length / 2)];
console.log(
  `${new Date().toISOString().slice(0, 10)}, ${cpus()[0].model}, ${cpus().length} CPUs, Linux ${release()}`,
);
const mean = (list) => list.reduce((sum, each) => sum + each, 0) / list.length;
const verbs = ['run', 'create', 'start', 'exec', 'delete'];
function table(title, of) {
  console.log(`\n${title.padEnd(20)}${verbs.map((verb) => verb.padStart(9)).join('')}`);
  for (const [name, columns] of times) {
    const cells = verbs.map((verb) => of(columns[verb]).toFixed(1).padStart(9));
    console.log(`${name.padEnd(20)}${cells.join('')}`);
  }
}
console.log(`${rounds} rounds, in ms; run: start to exit of true`);
table('time, medians', (list) => median(list.map(([ms]) => ms)));
table('processor, means', (list) => mean(list.map(([, used]) => used)));
