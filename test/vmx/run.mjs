/**
 * The VMX bed: boots Debian's kernel with kvm_intel (VMX with EPT and unrestricted guest, emulated by Bochs) once, runs
 * the guest test programs natively and under the monitor in it, and compares. Usage: run.mjs [-v] [FILTER]
 * Time in it is counted in instructions (IPS of them make a second), so it also repeats path lengths.
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { initScript } from '../beds/init.mjs';
import { kernel, requireCommands } from '../beds/packages.mjs';
import { bedSuite, report } from '../beds/suite.mjs';

const timeoutMs = Number(process.env.BED_TIMEOUT ?? 900) * 1000;
const ips = Number(process.env.BED_IPS ?? 50_000_000);
const modules = ['irqbypass', 'kvm', 'kvm-intel'];
const verbose = process.argv.includes('-v');
const filter = process.argv.slice(2).find((word) => !word.startsWith('-'));

// Start-up work of the kernel that takes long and serves nothing here.
const skipped = [
  'load_system_certificate_list',
  'crypto_kdf108_init',
  'trace_eval_init',
  'init_kprobe_trace',
  'cubictcp_register',
  'slab_sysfs_init',
  'bpf_tcp_ca_kfunc_init',
  'init_encrypted',
  'dev_map_init',
  'digsig_init',
  'init_evm',
  'tracer_init_tracefs',
  'netns_bpf_init',
  'bpf_rstat_kfunc_init',
  'bpf_fs_kfuncs_init',
].join(',');
const parameters =
  `console=ttyS0,115200 quiet loglevel=4 nokaslr mitigations=off tsc=reliable tsc_early_khz=${ips / 1000} init_on_alloc=0 ` +
  `cryptomgr.notests nowatchdog audit=0 random.trust_cpu=on panic=1 initcall_blacklist=${skipped}`;

requireCommands({
  bochs: 'bochs bochsbios vgabios',
  xorriso: 'xorriso',
  objcopy: 'binutils',
  'g++': 'g++',
  gcc: 'gcc',
});
if (!existsSync('/usr/lib/ISOLINUX/isolinux.bin'))
  throw new Error('missing isolinux: apt-get install isolinux syslinux-common');

/** A bootable CD with kernel and initial file system. @param {string} work @param {string} image @param {Buffer} archive */
function makeDisc(work, image, archive) {
  const tree = join(work, 'iso');
  mkdirSync(join(tree, 'isolinux'), { recursive: true });
  copyFileSync(image, join(tree, 'vmlinuz'));
  writeFileSync(join(tree, 'initrd.img'), archive);
  copyFileSync('/usr/lib/ISOLINUX/isolinux.bin', join(tree, 'isolinux/isolinux.bin'));
  copyFileSync('/usr/lib/syslinux/modules/bios/ldlinux.c32', join(tree, 'isolinux/ldlinux.c32'));
  const menu = `DEFAULT l\nPROMPT 0\nLABEL l\n KERNEL /vmlinuz\n INITRD /initrd.img\n APPEND ${parameters}\n`;
  writeFileSync(join(tree, 'isolinux/isolinux.cfg'), menu);
  const words = [
    '-as',
    'mkisofs',
    '-quiet',
    '-o',
    join(work, 'boot.iso'),
    '-b',
    'isolinux/isolinux.bin',
    '-c',
  ];
  words.push('isolinux/boot.cat', '-no-emul-boot', '-boot-load-size', '4', '-boot-info-table', tree);
  execFileSync('xorriso', words, { stdio: 'ignore' });
}

/** @param {string} work */
function configuration(work) {
  const model = process.env.BED_CPU ?? 'corei7_haswell_4770';
  return `config_interface: textconfig
display_library: rfb, options="timeout=0"
cpu: model=${model}, count=${process.env.BED_CPUS ?? 1}, ips=${ips}, reset_on_triple_fault=0, ignore_bad_msrs=1
memory: guest=1024, host=1024
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest
pci: enabled=1, chipset=i440fx
ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
ata0-master: type=cdrom, path=${work}/boot.iso, status=inserted
boot: cdrom
com1: enabled=1, mode=file, dev=${work}/console
com2: enabled=1, mode=file, dev=${work}/results
log: ${work}/log
panic: action=fatal
error: action=report
info: action=report
debug: action=ignore
clock: sync=none
sound: waveoutdrv=dummy, waveindrv=dummy, midioutdrv=dummy
`;
}

const work = mkdtempSync(join(tmpdir(), 'bed-vmx-'));
try {
  const from = kernel();
  const init = initScript(modules, process.env.KVM_OPTIONS);
  const suite = await bedSuite({
    kernel: from,
    modules,
    directory: work,
    init,
    filter: filter ? new RegExp(filter) : undefined,
  });
  makeDisc(work, from.image, suite.archive);
  writeFileSync(join(work, 'bochsrc'), configuration(work));
  writeFileSync(join(work, 'commands'), 'c\n'); // Debian's Bochs starts in its debugger: continue
  const started = Date.now();
  // In a network namespace of its own, as the display listens on a port.
  const isolated = spawnSync('unshare', ['-n', 'true']).status === 0 ? ['unshare', '-n'] : [];
  const words = [...isolated, 'bochs', '-q', '-f', join(work, 'bochsrc'), '-rc', join(work, 'commands')];
  const child = spawn(words[0] ?? '', words.slice(1), { stdio: ['ignore', 'ignore', 'ignore'] });
  const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
  const code = await new Promise((resolve) =>
    child.on('close', (status, signal) => resolve(signal ?? status)),
  );
  clearTimeout(timer);
  const read = (/** @type {string} */ name) =>
    existsSync(join(work, name)) ? readFileSync(join(work, name)) : Buffer.alloc(0);
  const text = read('console').toString('latin1').replaceAll('\r', '');
  for (const line of text.split('\n')) if (verbose || line.startsWith('BED:')) console.log(line);
  console.log(`BED: ${((Date.now() - started) / 1000).toFixed(1)} s, bochs ended with ${code}`);
  const failed = report(suite.tests, read('results'));
  process.exitCode = failed ? 1 : 0;
} finally {
  rmSync(work, { recursive: true, force: true });
}
