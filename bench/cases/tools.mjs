/**
 * Programs that people wait for: computing, compilers, many small files, large files, a stream of bytes. Under Barchan in a
 * sandbox that is there, as the start of Node.js, which start.mjs measures, is longer than some of them.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Sandbox } from '../../dist/index.js';
import { sideBySide } from '../measure.mjs';
import { absent, elapsed, output, root, ways } from '../peers.mjs';

export const group = 'Programs';
export const unit = 'ms';

const python = `
import hashlib, json, re
total = 0
for i in range(60):
    data = {str(k): [k, k * 2, {"x": k ** 2}] for k in range(400)}
    text = json.dumps(data, sort_keys=True)
    total += len(re.findall(r"[0-9]+", text)) + sum(json.loads(text)[str(k)][1] for k in range(400))
    total += int(hashlib.sha1(text.encode()).hexdigest()[:4], 16)
def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)
print(total, fib(22))
`;
const sql = `
CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT, c REAL);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 150000)
INSERT INTO t SELECT i, 'text ' || (i * 7919 % 1000), i * 1.5 FROM n;
CREATE INDEX b ON t(b);
SELECT b, count(*), sum(c) FROM t GROUP BY b ORDER BY 3 DESC LIMIT 3;
`;

/** A C file of about 5,000 lines. */
function source() {
  const lines = ['#include <stdio.h>', '#include <string.h>'];
  for (let i = 0; i < 620; i++) {
    lines.push(
      `static int f${i}(int a, int b) {`,
      `  int sum = ${i};`,
      `  for (int k = 0; k < a; k++) {`,
      `    if ((k ^ b) & ${i % 7 || 1}) sum += k * ${i} + b;`,
      `    else sum -= (k << ${i % 5}) | b;`,
      '  }',
      `  return sum${i > 0 ? ` + f${i - 1}(a / 2, b + 1)` : ''};`,
      '}',
    );
  }
  lines.push('int main(int argc, char** argv) { printf("%d\\n", f619(argc, (int)strlen(argv[0]))); }');
  return `${lines.join('\n')}\n`;
}

/** @param {string} folder @param {string} name @param {number} count */
function files(folder, name, count) {
  for (let i = 0; i < count; i++) {
    const at = join(folder, name, `d${i % 50}`);
    if (i < 50) mkdirSync(at, { recursive: true });
    writeFileSync(join(at, `f${i}.txt`), `file ${i}\n`.repeat(10));
  }
}

/** @param {string} folder */
function repository(folder) {
  files(folder, 'repository', 5000);
  const git = (/** @type {string[]} */ ...args) =>
    execFileSync('git', ['-C', join(folder, 'repository'), ...args], { stdio: 'ignore' });
  git('init', '-q');
  git('add', '.');
  git('-c', 'user.name=b', '-c', 'user.email=b@b', 'commit', '-qm', 'all');
}

/**
 * @typedef {object} Case
 * @property {string} name
 * @property {number} target
 * @property {string[]} needs
 * @property {string[]} command
 * @property {() => void} [prepare]
 * @property {boolean} [prints]  it prints a figure of which more is better, in place of its time
 */

/** @param {string} folder @returns {Case[]} */
function cases(folder) {
  const large = join(folder, 'large');
  const pbkdf2 = [
    'enc',
    '-aes-256-cbc',
    '-pbkdf2',
    '-iter',
    '2000000',
    '-pass',
    'pass:x',
    '-in',
    '/dev/null',
  ];
  return [
    {
      name: 'sha256 of 256 MiB',
      target: 1.03,
      needs: ['sha256sum'],
      command: ['sha256sum', join(folder, 'zeros')],
      prepare: () => writeFileSync(join(folder, 'zeros'), Buffer.alloc(256 << 20)),
    },
    {
      name: 'openssl, a key of 2,000,000 rounds',
      target: 1.03,
      needs: ['openssl'],
      command: ['openssl', ...pbkdf2],
    },
    { name: 'sqlite in memory', target: 1.03, needs: ['sqlite3'], command: ['sqlite3', ':memory:', sql] },
    // By its path: what stands in PATH may be a script that looks for a version.
    {
      name: 'python loops',
      target: 1.03,
      needs: ['/usr/bin/python3'],
      command: ['/usr/bin/python3', '-c', python],
    },
    {
      name: 'gcc of 5,000 lines',
      target: 1.5,
      needs: ['gcc'],
      command: ['gcc', '-O1', '-c', '-o', '/dev/null', join(folder, 'large.c')],
      prepare: () => writeFileSync(join(folder, 'large.c'), source()),
    },
    {
      name: 'git status of 5,000 files',
      target: 2,
      needs: ['git'],
      command: ['git', '-C', join(folder, 'repository'), 'status', '--short'],
      prepare: () => repository(folder),
    },
    {
      name: 'tar of 10,000 files',
      target: 2,
      needs: ['tar'],
      command: ['tar', '-cf', join(folder, 'out.tar'), '-C', folder, 'tree'],
      prepare: () => files(folder, 'tree', 10_000),
    },
    {
      name: 'write 1 GiB',
      target: 1 / 0.95,
      needs: ['dd'],
      command: ['dd', 'if=/dev/zero', `of=${large}`, 'bs=1M', 'count=1024', 'status=none'],
    },
    {
      name: 'read 1 GiB',
      target: 1 / 0.95,
      needs: ['dd'],
      command: ['dd', `if=${large}`, 'of=/dev/null', 'bs=1M', 'status=none'],
      prepare: () =>
        execFileSync('dd', ['if=/dev/zero', `of=${large}`, 'bs=1M', 'count=1024', 'status=none']),
    },
    {
      name: 'stream over loopback, MB/s',
      target: 0.95,
      needs: ['cc'],
      command: [join(folder, 'stream')],
      prepare: () =>
        execFileSync('cc', [
          '-O2',
          '-pthread',
          '-o',
          join(folder, 'stream'),
          join(root, 'bench/programs/stream.c'),
        ]),
      prints: true,
    },
  ];
}

/** @param {{ rounds: number, only: (name: string) => boolean }} options */
export async function* run({ rounds, only }) {
  const folder = mkdtempSync(join(tmpdir(), 'barchan-tools-'));
  const all = ways();
  const network = ways({ network: true });
  const box = await Sandbox.create({ isolation: 'none' });
  /** @param {readonly string[]} command @param {boolean} prints */
  const boxed = async (command, prints) => {
    const begin = performance.now();
    const { exitCode, stdout, stderr } = await box.exec(command, { env: process.env });
    const took = performance.now() - begin;
    if (exitCode !== 0) throw new Error(`status ${exitCode}: ${stderr}`);
    return prints ? Number(stdout) : took;
  };
  try {
    for (const { name, target, needs, command, prepare, prints = false } of cases(folder)) {
      if (!only(name)) continue;
      const lacking = absent(needs);
      if (lacking.length > 0) {
        yield { name, skipped: `${lacking.join(', ')}: not installed` };
        continue;
      }
      prepare?.();
      // Nobody's loopback interface is up in a new network.
      const measured = new Map(
        [...(prints ? network : all)].map(([way, { command: under }]) => [
          way,
          async () => (prints ? Number(await output(under(command))) : elapsed(under(command))),
        ]),
      );
      measured.set('barchan', () => boxed(command, prints));
      const more = prints ? { more: true, unit: '' } : {};
      yield { name, target, ...more, ...(await sideBySide(measured, Math.ceil(rounds / 2))) };
    }
  } finally {
    await box.close();
    rmSync(folder, { recursive: true, force: true });
  }
}
