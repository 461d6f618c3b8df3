/**
 * The SVM bed: boots Debian's kernel with kvm_amd (SVM with nested paging, emulated by QEMU) once, runs the guest
 * test programs natively and under the monitor in it, and compares. Usage: run.mjs [-v] [--all] [--times=N] [FILTER]
 */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runBed } from '../beds/bed.mjs';
import { knownDifferences } from '../beds/known-differences.mjs';
import { requireCommands } from '../beds/packages.mjs';
import { compileTool } from '../beds/suite.mjs';

// No SMAP: up to 9.0 QEMU takes a far return or IRET within ring 3 for an access of the kernel's, and has it fault.
const cpu = process.env.BED_CPU ?? 'max,-la57,-smap';
const parameters =
  'console=ttyS0,115200 quiet panic=-1 mitigations=off nokaslr init_on_alloc=0 tsc=reliable no_timer_check ' +
  'random.trust_cpu=on';

/** @param {string} work @param {string} image @param {Buffer} archive */
function command(work, image, archive) {
  const initial = join(work, 'initrd');
  writeFileSync(initial, archive);
  const machine =
    '-accel tcg,thread=multi -smp 2 -m 2048 -machine q35 -nodefaults -no-user-config -display none';
  const words = ['qemu-system-x86_64', ...machine.split(' '), '-no-reboot', '-net', 'none', '-cpu', cpu];
  for (const name of ['console', 'results']) words.push('-serial', `file:${join(work, name)}`);
  const rate = execFileSync(compileTool('tick_rate', work), { encoding: 'utf8' }).trim();
  words.push('-kernel', image, '-initrd', initial, '-append', `${parameters} tsc_early_khz=${rate}`);
  // For looking into a bed that hangs: BED_MONITOR=/path/of/a/socket, then `info registers -a` in it.
  if (process.env.BED_MONITOR) words.push('-monitor', `unix:${process.env.BED_MONITOR},server,nowait`);
  return words;
}

requireCommands({ 'qemu-system-x86_64': 'qemu-system-x86', objcopy: 'binutils', 'g++': 'g++', gcc: 'gcc' });
await runBed({
  name: 'svm',
  modules: ['irqbypass', 'kvm', 'kvm-amd'],
  bootSeconds: 240,
  seconds: Number(process.env.BED_TIMEOUT ?? 1800),
  patience: 5, // its time is this machine's, which may be busy
  skips: knownDifferences.svm,
  command,
});
