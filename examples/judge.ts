/**
 * A judge for submissions that nobody trusts: `npm run example -- judge [FILE.c]`.
 *
 * A submission is C source. It is compiled in a sandbox, since a compiler that is fed by strangers is one of theirs as well, and
 * then run on each case in another, with a limit on time and one on memory, under the policy `strict` with what the C library
 * needs to start: no new files, sockets or processes. The verdict is that of the first case that fails.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Policy, Sandbox, type SandboxOptions } from 'barchan';

export type Verdict =
  | 'accepted'
  | 'compile error'
  | 'wrong answer'
  | 'time limit exceeded'
  | 'memory limit exceeded'
  | 'output limit exceeded'
  | 'runtime error';

export interface Case {
  input: string;
  output: string;
}

export interface Judgement {
  verdict: Verdict;
  /** The case that failed, from 1. */
  case?: number;
  detail?: string;
  milliseconds: number;
}

const timeMs = 2000;
const memoryBytes = 64 * 1024 * 1024;
/** The program's memory and the monitor's, which is larger than what it uses of it. */
const mostMappedBytes = 4 * memoryBytes;
const common: SandboxOptions = { network: 'none', env: { PATH: '/usr/bin:/bin', TMPDIR: '/tmp' } };

async function compile(source: string, folder: string): Promise<string | undefined> {
  await using box = await Sandbox.create({
    ...common,
    mounts: [{ source: folder, target: '/tmp', readOnly: false }],
    timeoutMs: 20_000,
    maxOutputBytes: 16 * 1024,
  });
  const compiler = ['/usr/bin/gcc', '-O2', '-static', '-x', 'c', '-o', '/tmp/solution', '-', '-lm'];
  const { exitCode, stderr } = await box.exec(compiler, { input: source });
  return exitCode === 0 ? undefined : stderr || 'the compiler took too long';
}

export async function judge(source: string, cases: readonly Case[]): Promise<Judgement> {
  const folder = await mkdtemp(join(tmpdir(), 'judge-'));
  try {
    const problem = await compile(source, folder);
    if (problem !== undefined) {
      return {
        verdict: 'compile error',
        detail: problem.split('\n').find((line) => line.includes('error')) ?? problem,
        milliseconds: 0,
      };
    }
    await using box = await Sandbox.create({
      ...common,
      mounts: [{ source: folder, target: '/tmp' }],
      policy: Policy.strict(),
      // Where no control group can be had, what a process maps is limited all the same.
      limits: { memory: memoryBytes },
      allowWeaker: ['memory'],
      rlimits: { as: mostMappedBytes, core: 0 },
      timeoutMs: timeMs,
      maxOutputBytes: 1024 * 1024,
    });
    let slowest = 0;
    for (const [index, { input, output }] of cases.entries()) {
      const result = await box.exec(['/tmp/solution'], { input });
      const at = { case: index + 1, milliseconds: Math.round(result.durationMs) };
      slowest = Math.max(slowest, at.milliseconds);
      if (result.timedOut) return { verdict: 'time limit exceeded', ...at };
      if (result.truncated) return { verdict: 'output limit exceeded', ...at };
      if (result.exitCode !== 0) {
        const { maxRssBytes } = result.usage;
        if (result.limit === 'memory' || maxRssBytes > memoryBytes)
          return { verdict: 'memory limit exceeded', ...at };
        return { verdict: 'runtime error', detail: result.signal ?? `exit status ${result.exitCode}`, ...at };
      }
      if (result.stdout.trim() !== output.trim()) return { verdict: 'wrong answer', ...at };
    }
    return { verdict: 'accepted', milliseconds: slowest };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The task: read n and n numbers, write their sum. */
const cases: Case[] = [
  { input: '3\n1 2 3\n', output: '6' },
  { input: '2\n2000000000 2000000000\n', output: '4000000000' },
];
const head = '#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n#include <unistd.h>\n';
const solve = (type: string, format: string): string =>
  `${head}int main() { int n; ${type} s = 0, x; scanf("%d", &n); while (n--) { scanf("${format}", &x); s += x; } printf("${format}\\n", s); }`;
const submissions: [string, string][] = [
  ['right', solve('long', '%ld')],
  ['overflows', solve('int', '%d')],
  ['does not compile', 'int main() { return 1 }'],
  ['never ends', 'int main() { for (;;); }'],
  [
    'takes all memory',
    `${head}int main() { for (;;) { char* p = malloc(1 << 20); memset(p, 1, 1 << 20); } }`,
  ],
  ['writes without end', `${head}int main() { for (;;) puts("spam"); }`],
  ['crashes', 'int main() { return *(volatile int*)8; }'],
  ['makes processes', `${head}int main() { if (fork() < 0) abort(); puts("6"); }`],
  ['opens files', `${head}int main() { FILE* f = fopen("/etc/passwd", "r"); if (!f) return 3; puts("6"); }`],
];

const [file] = process.argv.slice(2);
const chosen: [string, string][] = file === undefined ? submissions : [[file, await readFile(file, 'utf8')]];
for (const [name, source] of chosen) {
  const { verdict, case: number, detail } = await judge(source, cases);
  console.log(
    `${name}: ${verdict}${number === undefined ? '' : `, case ${number}`}${detail === undefined ? '' : ` (${detail.trim()})`}`,
  );
}
