/** Programs that people wait for: computing, compilers, many small files, large files. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sideBySide } from '../measure.mjs';
import { elapsed, installed, prefixes } from '../peers.mjs';

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

/** @param {string} folder */
function prepare(folder) {
  writeFileSync(join(folder, 'large.c'), source());
  for (const [name, count] of /** @type {[string, number][]} */ ([
    ['repository', 5000],
    ['tree', 10000],
  ])) {
    for (let i = 0; i < count; i++) {
      const at = join(folder, name, `d${i % 50}`);
      if (i < 50) mkdirSync(at, { recursive: true });
      writeFileSync(join(at, `f${i}.txt`), `file ${i}\n`.repeat(10));
    }
  }
  const git = (/** @type {string[]} */ ...args) =>
    execFileSync('git', ['-C', join(folder, 'repository'), ...args], { stdio: 'ignore' });
  git('init', '-q');
  git('add', '.');
  git('-c', 'user.name=b', '-c', 'user.email=b@b', 'commit', '-qm', 'all');
}

/** @param {{ rounds: number, only: (name: string) => boolean }} options */
export async function* run({ rounds, only }) {
  const folder = mkdtempSync(join(tmpdir(), 'barchan-tools-'));
  const megabytes = 'head -c 268435456 /dev/zero';
  /** @type {[string, number, string[]][]} */
  const cases = [
    ['sha256 of 256 MiB', 1.03, ['sh', '-c', `${megabytes} | sha256sum`]],
    [
      'openssl aes, 1 s',
      1.03,
      [
        'openssl',
        'enc',
        '-aes-256-cbc',
        '-pbkdf2',
        '-iter',
        '2000000',
        '-pass',
        'pass:x',
        '-in',
        '/dev/null',
      ],
    ],
    ['sqlite in memory', 1.03, ['sqlite3', ':memory:', sql]],
    ['python loops', 1.03, ['python3', '-c', python]],
    ['gcc of 5,000 lines', 1.5, ['gcc', '-O1', '-c', '-o', '/dev/null', join(folder, 'large.c')]],
    ['git status of 5,000 files', 2, ['git', '-C', join(folder, 'repository'), 'status', '--short']],
    ['tar of 10,000 files', 2, ['tar', '-cf', join(folder, 'out.tar'), '-C', folder, 'tree']],
    [
      'write 1 GiB',
      1.05,
      ['dd', 'if=/dev/zero', `of=${join(folder, 'large')}`, 'bs=1M', 'count=1024', 'status=none'],
    ],
    ['read 1 GiB', 1.05, ['dd', `if=${join(folder, 'large')}`, 'of=/dev/null', 'bs=1M', 'status=none']],
  ];
  try {
    prepare(folder);
    for (const [name, target, command] of cases) {
      if (!only(name) || !installed(/** @type {string} */ (command[0]))) continue;
      const ways = new Map(
        ['native', 'barchan'].map((way) => {
          const [file, ...args] = [...(prefixes[way] ?? []), ...command];
          return [way, () => elapsed(/** @type {string} */ (file), args)];
        }),
      );
      yield { name, target, ...(await sideBySide(ways, Math.max(3, rounds >> 1))) };
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
