/**
 * The SVM bed: boots Debian's kernel with kvm_amd (SVM with nested paging, emulated by QEMU) once, runs the guest
 * test programs natively and under the monitor in it, and compares. Usage: run.mjs [-v] [FILTER]
 */
import { spawn } from 'node:child_process';
import { createWriteStream, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { initScript } from '../beds/init.mjs';
import { kernel, requireCommands } from '../beds/packages.mjs';
import { bedSuite, report } from '../beds/suite.mjs';

const timeoutMs = Number(process.env.BED_TIMEOUT ?? 600) * 1000;
const modules = ['irqbypass', 'kvm', 'kvm-amd'];
const verbose = process.argv.includes('-v');
const filter = process.argv.slice(2).find((word) => !word.startsWith('-'));

requireCommands({ 'qemu-system-x86_64': 'qemu-system-x86', objcopy: 'binutils', 'g++': 'g++', gcc: 'gcc' });
const work = mkdtempSync(join(tmpdir(), 'bed-svm-'));
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
  writeFileSync(join(work, 'initrd'), suite.archive);
  const cpu = process.env.BED_CPU ?? 'max,-la57';
  const words = [
    '-accel',
    'tcg,thread=multi',
    '-cpu',
    cpu,
    '-smp',
    '2',
    '-m',
    '2048',
    '-machine',
    'q35',
    '-nodefaults',
  ];
  words.push('-no-user-config', '-display', 'none', '-no-reboot', '-net', 'none', '-serial', 'stdio');
  words.push(
    '-serial',
    `file:${join(work, 'results')}`,
    '-kernel',
    from.image,
    '-initrd',
    join(work, 'initrd'),
    '-append',
  );
  words.push(
    'console=ttyS0,115200 quiet panic=-1 mitigations=off nokaslr init_on_alloc=0 tsc=reliable random.trust_cpu=on',
  );
  // For looking into a bed that hangs: BED_MONITOR=/path/of/a/socket, then `info registers -a` in it.
  if (process.env.BED_MONITOR) words.push('-monitor', `unix:${process.env.BED_MONITOR},server,nowait`);
  const started = Date.now();
  const child = spawn('qemu-system-x86_64', words, { stdio: ['ignore', 'pipe', 'pipe'] });
  const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
  const console_ = createWriteStream(join(work, 'console'));
  child.stdout.pipe(console_);
  child.stderr.resume();
  const code = await new Promise((resolve) =>
    child.on('close', (status, signal) => resolve(signal ?? status)),
  );
  clearTimeout(timer);
  const text = readFileSync(join(work, 'console'), 'latin1').replaceAll('\r', '');
  for (const line of text.split('\n')) if (verbose || line.startsWith('BED:')) console.log(line);
  console.log(`BED: ${((Date.now() - started) / 1000).toFixed(1)} s, qemu ended with ${code}`);
  const failed = report(suite.tests, readFileSync(join(work, 'results')));
  process.exitCode = failed ? 1 : 0;
} finally {
  rmSync(work, { recursive: true, force: true });
}
