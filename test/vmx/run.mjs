/**
 * The VMX bed: boots Debian's kernel with kvm_intel (VMX with EPT and unrestricted guest, emulated by Bochs) once, runs
 * the guest test programs natively and under the monitor in it, and compares. Usage: run.mjs [-v] [--all] [--times=N] [FILTER]
 * Time in it is counted in instructions (IPS of them make a second), so it also repeats path lengths, and holds them to limits.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runBed } from '../beds/bed.mjs';
import { knownDifferences } from '../beds/known-differences.mjs';
import { requireCommands } from '../beds/packages.mjs';

const ips = Number(process.env.BED_IPS ?? 50_000_000);
// Without --all: not what takes longest here and shows no more of the processor.
const usual = /^(?!(memory_large|process_fork_exec_many)$)/;

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
error: action=ignore
info: action=ignore
debug: action=ignore
clock: sync=none
sound: waveoutdrv=dummy, waveindrv=dummy, midioutdrv=dummy
`;
}

/** @param {string} work @param {string} image @param {Buffer} archive */
function command(work, image, archive) {
  makeDisc(work, image, archive);
  writeFileSync(join(work, 'bochsrc'), configuration(work));
  writeFileSync(join(work, 'commands'), 'c\n'); // Debian's Bochs starts in its debugger: continue
  // In a network namespace of its own, as the display listens on a port.
  const isolated = spawnSync('unshare', ['-n', 'true']).status === 0 ? ['unshare', '-n'] : [];
  return [...isolated, 'bochs', '-q', '-f', join(work, 'bochsrc'), '-rc', join(work, 'commands')];
}

/** Instructions at most (SPECIFICATION.md): a change that makes one of them longer by more than 3% fails. */
const lengths = {
  getppid: 4196,
  getpid: 20,
  fresh_page: 6716,
  mmap_touch_munmap_64k: 154_044,
  fork_exit_wait: 3_392_000,
};

await runBed({
  name: 'vmx',
  measure: { source: join(import.meta.dirname, 'path_lengths.c'), lengths },
  modules: ['irqbypass', 'kvm', 'kvm-intel'],
  bootSeconds: 400,
  seconds: Number(process.env.BED_TIMEOUT ?? 2400),
  patience: 1, // its time is instructions, however busy this machine is
  skips: knownDifferences.vmx,
  usual,
  command,
});
