// Runs the libFuzzer targets of test/fuzz one after the other: node scripts/fuzz.mjs [SECONDS_EACH [TARGET]]
// What they find stays in build/fuzz/corpus and is the start of the next run. Target `syscalls` is a guest that makes
// random system calls (test/fuzz/syscalls), with another seed each time.
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compileGuestFuzzer } from '../test/helpers/guest-fuzzer.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const folder = join(root, 'build/fuzz');
const seconds = Number(process.argv[2] ?? 60);
const only = process.argv[3];
if (!(seconds > 0)) throw new Error(`seconds must be a number, not ${process.argv[2]}`);

const seeds = {
  fuzz_chaos: (corpus) => writeFileSync(join(corpus, 'fail-read'), failingRead()),
  fuzz_elf: (corpus) => {
    for (const program of ['/bin/true', '/lib64/ld-linux-x86-64.so.2']) {
      copyFileSync(program, join(corpus, program.replaceAll('/', '_')));
    }
  },
  fuzz_intercept_answer: (corpus) => writeFileSync(join(corpus, 'rename'), renamingAnswer()),
  fuzz_oci_config: (corpus) => writeFileSync(join(corpus, 'plain'), containerConfig()),
  fuzz_policy: (corpus) => writeFileSync(join(corpus, 'empty'), policyHeader()),
  fuzz_sandbox_config: (corpus) => writeFileSync(join(corpus, 'plain'), sandboxDescription()),
  fuzz_script: (corpus) => writeFileSync(join(corpus, 'shell'), '#! /bin/sh -e \necho\n'),
  fuzz_stat: (corpus) => writeFileSync(join(corpus, 'shell'), '12 (sh) S 7 12 12 34816 12 4194560'),
};

// Another name for renameat2's first path, and a flag (native/abi/intercept.h).
function renamingAnswer() {
  const [choice, head, strings] = [Buffer.from([1, 0]), Buffer.alloc(112), Buffer.from('/a\0')];
  for (const [index, word] of [0x50544e49, 1, head.length + strings.length].entries())
    head.writeUInt32LE(word, index * 4);
  head.writeUInt32LE(1 << 4, 48);
  head.writeUInt32LE(1 << 1, 52);
  head.writeUInt32LE(strings.length, 104);
  return Buffer.concat([choice, head, strings]);
}

// Each read fails with EIO (native/abi/chaos.h).
function failingRead() {
  const bytes = Buffer.alloc(32 + 96);
  for (const [index, word] of [0x53414843, 1, bytes.length, 1].entries())
    bytes.writeUInt32LE(word, index * 4);
  bytes.writeUInt8(1, 32);
  bytes.writeUInt16LE(5, 34);
  for (const [index, word] of [1, 0xffffffff, 1].entries()) bytes.writeUInt32LE(word, 36 + index * 4);
  bytes.fill(0xff, 48, 56);
  bytes.writeUInt8(1, 64);
  return bytes;
}

function containerConfig() {
  const args = [{ index: 1, value: 2, valueTwo: 2, op: 'SCMP_CMP_MASKED_EQ' }];
  return JSON.stringify({
    ociVersion: '1.0.2',
    process: { args: ['sh'], env: ['A=b'], cwd: '/', rlimits: [{ type: 'RLIMIT_NOFILE', soft: 1, hard: 2 }] },
    root: { path: 'rootfs' },
    mounts: [{ destination: '/proc', type: 'proc', source: 'x', options: ['bind'] }],
    annotations: { 'dev.barchan.policy': 'strict' },
    linux: {
      cgroupsPath: '/a',
      seccomp: {
        defaultAction: 'SCMP_ACT_ERRNO',
        syscalls: [{ names: ['read'], action: 'SCMP_ACT_ALLOW', args }],
      },
    },
  });
}

// A policy that knows no call (native/abi/policy.h).
function policyHeader() {
  return Buffer.from(Uint32Array.of(0x4c4f5042, 1, 32, 0, 0, 0, 0, 0).buffer);
}

// Shows the host's root, with one tmpfs (native/abi/sandbox.h).
function sandboxDescription() {
  const strings = Buffer.from('/\0sandbox\0/t\0');
  const [head, table] = [Buffer.alloc(344), Buffer.alloc(24)];
  const first = head.length + table.length;
  const words = [
    0x58534342,
    1,
    first + strings.length,
    0,
    0,
    0,
    first,
    0,
    first + 2,
    0,
    0,
    0,
    0,
    head.length,
    1,
    0,
  ];
  for (const [index, word] of words.entries()) head.writeUInt32LE(word, index * 4);
  head.writeBigUInt64LE(4096n, 64);
  for (const [index, word] of [1, 0, 0, first + 10].entries()) table.writeUInt32LE(word, index * 4);
  table.writeBigUInt64LE(4096n, 16);
  return Buffer.concat([head, table, strings]);
}

function run(command, args, cwd = root) {
  const { status } = spawnSync(command, args, { cwd, stdio: 'inherit' });
  if (status !== 0) process.exit(1);
}

function fuzzSyscalls() {
  const folder = mkdtempSync(join(tmpdir(), 'barchan-fuzz-'));
  try {
    const guest = compileGuestFuzzer(folder);
    for (const end = Date.now() + seconds * 1000; Date.now() < end; ) {
      const scratch = mkdtempSync(join(folder, 'scratch-'));
      chmodSync(scratch, 0o777);
      chmodSync(folder, 0o755);
      const seed = String(Date.now());
      console.log(`seed ${seed}`);
      run(process.execPath, [join(root, 'dist/cli/main.js'), 'run', '--', guest, seed, '24000'], scratch);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

if (!only || only === 'syscalls') fuzzSyscalls();
if (only === 'syscalls') process.exit(0);

const versions = ['', '-19', '-18', '-17', '-16', '-15', '-14'];
const compiler = versions.map((version) => `/usr/bin/clang++${version}`).find(existsSync);
if (!compiler) {
  console.error('Needs clang: sudo apt-get install clang');
  process.exit(1);
}

const targets = readdirSync(join(root, 'test/fuzz'))
  .filter((name) => name.endsWith('.cc'))
  .map((name) => name.replace(/\.cc$/, ''))
  .filter((name) => !only || name === only);
run('cmake', ['-S', root, '-B', folder, `-DCMAKE_CXX_COMPILER=${compiler}`, '-DBARCHAN_FUZZ=ON']);
run('cmake', ['--build', folder, '--parallel', ...targets.flatMap((name) => ['--target', name])]);
for (const target of targets) {
  const corpus = join(folder, 'corpus', target);
  mkdirSync(corpus, { recursive: true });
  seeds[target]?.(corpus);
  const limits = ['-max_len=300000', `-max_total_time=${seconds}`, '-print_final_stats=1'];
  run(join(folder, target), [...limits, `-artifact_prefix=${folder}/`, corpus]);
}
