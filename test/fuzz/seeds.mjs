/** What the fuzz targets of this folder begin with. Plain JavaScript, as the scripts run it without a build. */
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const seeds = {
  fuzz_chaos: (corpus) => writeFileSync(join(corpus, 'fail-read'), failingRead()),
  fuzz_elf: (corpus) => {
    for (const program of ['/bin/true', '/lib64/ld-linux-x86-64.so.2']) {
      copyFileSync(program, join(corpus, program.replaceAll('/', '_')));
    }
  },
  fuzz_files_request: (corpus) => {
    for (const [i, [operation, first, second]] of fileRequests.entries())
      writeFileSync(join(corpus, String(i)), fileRequest(operation, first, second));
  },
  fuzz_intercept_answer: (corpus) => writeFileSync(join(corpus, 'rename'), renamingAnswer()),
  fuzz_oci_config: (corpus) => writeFileSync(join(corpus, 'plain'), containerConfig()),
  fuzz_policy: (corpus) => writeFileSync(join(corpus, 'empty'), policyHeader()),
  fuzz_sandbox_config: (corpus) => writeFileSync(join(corpus, 'plain'), sandboxDescription()),
  fuzz_script: (corpus) => writeFileSync(join(corpus, 'shell'), '#! /bin/sh -e \necho\n'),
  fuzz_stat: (corpus) => writeFileSync(join(corpus, 'shell'), '12 (sh) S 7 12 12 34816 12 4194560'),
};

// Requests that are right, and paths that are not (native/abi/files.h).
const fileRequests = [
  [1, '/etc/passwd', ''],
  [8, '/a/b', '/c/d/'],
  [7, '/', ''],
  [2, '//', '..'],
  [7, '/a/..', '/a/.'],
  [6, '/../../../../etc/shadow', ''],
  [10, `/${'n'.repeat(255)}`, `/${'n'.repeat(256)}`],
  [9, `${'/a'.repeat(2047)}`, `${'/a'.repeat(2048)}`],
  [4, '', ''],
];

function fileRequest(operation, first, second) {
  const head = Buffer.alloc(24);
  head.writeUInt32LE(1, 0);
  head.writeUInt32LE(operation, 4);
  return Buffer.concat([head, Buffer.from(`${first}\0${second}\0`)]);
}

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

export const fuzzTargets = Object.keys(seeds);

/** @param {string} target a name in fuzzTargets @param {string} folder is made */
export function writeSeeds(target, folder) {
  mkdirSync(folder, { recursive: true });
  const write = seeds[target];
  if (!write) throw new Error(`test/fuzz/seeds.mjs has no seeds for ${target}`);
  write(folder);
}
