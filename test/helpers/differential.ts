/** Runs a command natively and under `barchan run`, and compares what a user can see of it. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';

const cli = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

export interface Outcome {
  stdout: string;
  stderr: string;
  exitCode: number | null;
  signal: NodeJS.Signals | null;
}

export interface Options {
  input?: string;
  cwd?: string;
  timeoutMs?: number;
  env?: Record<string, string>;
  /** Options of `barchan run`. */
  flags?: string[];
}

/** Rejects when the program did not end in time: two that hang are not the same. */
function observe(command: string, args: string[], options: Options): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: options.cwd,
      env: { ...process.env, LC_ALL: 'C', ...options.env },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    let late = false;
    const timeoutMs = options.timeoutMs ?? 60_000;
    const timer = setTimeout(() => {
      late = true;
      child.kill('SIGKILL');
    }, timeoutMs);
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
    child.stdin.on('error', () => {}); // a program that does not read its input
    child.stdin.end(options.input ?? '');
    child.on('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.on('close', (exitCode, signal) => {
      clearTimeout(timer);
      const texts = {
        stdout: Buffer.concat(stdout).toString('latin1'),
        stderr: Buffer.concat(stderr).toString('latin1'),
      };
      if (late)
        reject(
          new Error(
            `${[command, ...args].join(' ')}: not ended after ${timeoutMs} ms: ${texts.stdout.slice(-500)}`,
          ),
        );
      else resolve({ ...texts, exitCode, signal });
    });
  });
}

export const native = (argv: string[], options: Options = {}): Promise<Outcome> =>
  observe(argv[0] as string, argv.slice(1), options);

export const isolated = (argv: string[], options: Options = {}): Promise<Outcome> =>
  observe(process.execPath, [cli, 'run', ...(options.flags ?? []), '--', ...argv], options);

/** Same standard output, exit status and death by signal; returns the outcome under Barchan. */
export async function expectSame(argv: string[], options: Options = {}): Promise<Outcome> {
  const there = await native(argv, options);
  const here = await isolated(argv, options);
  expect({ ...here, stderr: '' }, `standard error under Barchan: ${here.stderr.slice(0, 2000)}`).toEqual({
    ...there,
    stderr: '',
  });
  return here;
}

/** As expectSame, of programs that must have done their work: exit status 0, and all of `shown` in the output. */
export async function expectSameWork(
  argv: string[],
  shown: (string | RegExp)[],
  options: Options = {},
): Promise<void> {
  const outcome = await expectSame(argv, options);
  expect(outcome.exitCode, outcome.stderr.slice(0, 2000)).toBe(0);
  for (const text of shown) expect(outcome.stdout).toMatch(text);
}
