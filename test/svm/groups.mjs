/**
 * Limits under version 2 of control groups, on a machine that has nothing else: boots Debian's kernel with kvm_amd in
 * QEMU with this Node and the built package, and runs groups-inside.mjs there as root and as an ordinary user. Takes one to
 * two minutes. Needs what the SVM bed needs.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Archive } from '../beds/archive.mjs';
import { kernel, requireCommands, root, slimModule } from '../beds/packages.mjs';
import { compileTool } from '../beds/suite.mjs';

const modules = ['irqbypass', 'kvm', 'kvm-amd'];
const marks = /^GROUPS (ok|FAIL) /;
const expected = 2 * 7;

// The root must be a mount that pivot_root(2) can leave, which the initial RAM file system is not.
const init = `#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin HOME=/tmp
if [ ! -f /second ]; then
  mount -t tmpfs -o size=1500m new /new
  for d in bin lib lib64 usr app etc mod init; do [ -e /$d ] && cp -a /$d /new/; done
  mkdir -p /new/proc /new/sys /new/dev /new/tmp /new/run /new/var/tmp; touch /new/second
  exec switch_root /new /init
fi
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev; chmod 1777 /tmp
mkdir -p /dev/shm /dev/pts; mount -t tmpfs shm /dev/shm; mount -t devpts pts /dev/pts
exec </dev/null >/dev/console 2>&1
${modules.map((name) => `insmod /mod/${name}.ko`).join('\n')}
chmod 666 /dev/kvm
mount -t cgroup2 none /sys/fs/cgroup; cd /sys/fs/cgroup
echo '+memory +cpu +pids +io' > cgroup.subtree_control
# Node's own group and the one above it share nothing out, as under systemd.
mkdir -p app/node named user/node user/named
echo $$ > app/node/cgroup.procs
/app/node /app/inside.mjs /named
echo '+memory +cpu +pids +io' > user/cgroup.subtree_control
chown -R 1000:1000 user
echo $$ > user/node/cgroup.procs
su tester -c '/app/node /app/inside.mjs /user/named'
poweroff -f
`;

/** @param {Archive} archive @param {string} from @param {string} to */
function copyTree(archive, from, to) {
  for (const name of readdirSync(from)) {
    if (statSync(join(from, name)).isDirectory()) copyTree(archive, join(from, name), `${to}/${name}`);
    else archive.copy(`${to}/${name}`, join(from, name));
  }
}

/** @param {string} file @returns {string[]} */
const libraries = (file) =>
  [...execFileSync('ldd', [file], { encoding: 'utf8' }).matchAll(/(\/\S+) \(/g)].map(
    (match) => match[1] ?? '',
  );

/** @param {string} work */
function disk(work) {
  const from = kernel();
  const archive = new Archive();
  for (const directory of ['proc', 'sys', 'dev', 'tmp', 'new']) archive.directory(directory);
  archive.copy('bin/busybox', from.busybox);
  archive.copy('bin/sh', from.busybox);
  for (const name of modules) archive.copy(`mod/${name}.ko`, slimModule(from, name, work));
  archive.copy('app/node', process.execPath);
  const addon = join(root, 'build/Release/barchan.node');
  for (const library of new Set([...libraries(process.execPath), ...libraries(addon)]))
    archive.copy(library, library);
  copyTree(archive, join(root, 'dist'), 'app/dist');
  const built = join(root, 'build/Release');
  for (const name of readdirSync(built).filter((entry) => /^barchan[.-][a-z]+$/.test(entry)))
    archive.copy(`app/build/Release/${name}`, join(built, name));
  archive.copy('app/package.json', join(root, 'package.json'));
  for (const name of ['node-gyp-build', 'debug', 'ms'])
    copyTree(archive, join(root, 'node_modules', name), `app/node_modules/${name}`);
  archive.copy('app/inside.mjs', join(root, 'test/svm/groups-inside.mjs'));
  archive.file('etc/passwd', 'root:x:0:0::/:/bin/sh\ntester:x:1000:1000::/tmp:/bin/sh\n', 0o644);
  archive.file('etc/group', 'root:x:0:\ntester:x:1000:\n', 0o644);
  archive.file('init', init);
  writeFileSync(join(work, 'initrd'), archive.bytes());
  return from.image;
}

requireCommands({ 'qemu-system-x86_64': 'qemu-system-x86', objcopy: 'binutils', 'g++': 'g++' });
const work = mkdtempSync(join(tmpdir(), 'bed-groups-'));
try {
  const image = disk(work);
  const rate = execFileSync(compileTool('tick_rate', work), { encoding: 'utf8' }).trim();
  const machine =
    '-accel tcg,thread=multi -smp 2 -m 4096 -machine q35 -nodefaults -no-user-config -display none -no-reboot -net none -cpu max,-la57,-smap';
  const parameters = `console=ttyS0,115200 quiet panic=-1 mitigations=off nokaslr tsc=reliable no_timer_check random.trust_cpu=on tsc_early_khz=${rate}`;
  const output = join(work, 'console');
  const words = [...machine.split(' '), '-serial', `file:${output}`, '-kernel', image];
  spawnSync('qemu-system-x86_64', [...words, '-initrd', join(work, 'initrd'), '-append', parameters], {
    timeout: 900_000,
    killSignal: 'SIGKILL',
    stdio: 'inherit',
  });
  const text = existsSync(output) ? readFileSync(output, 'latin1').replaceAll('\r', '') : '';
  const lines = text.split('\n').filter((line) => marks.test(line));
  for (const line of lines) console.log(line);
  const passed = lines.filter((line) => line.startsWith('GROUPS ok')).length;
  if (lines.length < expected) console.log(text.slice(-3000));
  console.log(`${passed} passed, ${expected - passed} failed, 0 skipped`);
  process.exitCode = passed === expected ? 0 : 1;
} finally {
  rmSync(work, { recursive: true, force: true });
}
