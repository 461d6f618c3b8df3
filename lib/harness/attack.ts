/** Building and running one attack of the corpus, in a sandbox or natively, and reading what it reports. */
import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { promisify } from 'node:util';
import type { SandboxOptions } from '../options.js';
import { Sandbox } from '../sandbox.js';
import type { Attack } from './metadata.js';

/** What the host shows to an attack as its goals, by environment variable; see corpus/attack.h. */
export type Told = Record<`ATTACK_${string}`, string>;

export interface Attempt {
  name: string;
  /** How it was stopped: an errno's or a signal's name; undefined: it worked. */
  stopped: string | undefined;
}

export interface AttackRun {
  attempts: Attempt[];
  /** Harmless things that had to work and did not, as "NAME ERRNO". */
  failedControls: string[];
  exitCode: number | null;
  signal: string | null;
  timedOut: boolean;
  stderr: string;
}

const compiler = ['-std=gnu17', '-D_GNU_SOURCE', '-O1', '-w', '-static', '-fno-strict-aliasing'];
const longestOutput = 1 << 20;
const mostLines = 10_000;

/** Compiles it with the host's gcc into `folder`, once per content; resolves with the program's path. */
export async function buildAttack(attack: Attack, folder: string): Promise<string> {
  const header = join(dirname(dirname(attack.source)), 'attack.h');
  const flags = [...compiler, ...attack.flags];
  const hash = createHash('sha256').update(JSON.stringify(flags));
  for (const file of [attack.source, header]) hash.update(readFileSync(file));
  const output = join(folder, `${basename(attack.name)}-${hash.digest('hex').slice(0, 12)}`);
  if (existsSync(output)) return output;
  mkdirSync(folder, { recursive: true });
  const partial = `${output}.${process.pid}.part`;
  try {
    await promisify(execFile)('gcc', [...flags, '-o', partial, attack.source, '-lm']);
    chmodSync(partial, 0o755);
    renameSync(partial, output);
  } finally {
    rmSync(partial, { force: true });
  }
  return output;
}

/** The host's view of the mappings of a process, as corpus/attack.h reads them. */
function mappings(pid: number): string {
  const lines = readFileSync(`/proc/${pid}/maps`, 'utf8').trim().split('\n');
  const short = lines.map((line) => {
    const [range = '', , , , , name = ''] = line.split(/\s+/);
    return `${range.replace('-', ' ')} ${name.slice(-60) || '-'}`;
  });
  return `${short.join('\n')}\n.\n`;
}

/** The numbers of the descriptors of a process. */
const descriptors = (pid: number): string => `${readdirSync(`/proc/${pid}/fd`).join('\n')}\n.\n`;

/** What an attack asks for by a line of its output; undefined: nothing. */
export function answer(line: string, pid: number): string | undefined {
  if (line === 'maps?') return mappings(pid);
  return line === 'descriptors?' ? descriptors(pid) : undefined;
}

/** Takes one line of an attack's output into what it has reported. */
export function readLine(line: string, run: Pick<AttackRun, 'attempts' | 'failedControls'>): void {
  if (run.attempts.length + run.failedControls.length >= mostLines) return;
  const stopped = /^stopped (.+) (\S+)$/.exec(line);
  const done = /^done (.+)$/.exec(line);
  const control = /^control (.+) (\S+)$/.exec(line);
  if (stopped) run.attempts.push({ name: stopped[1] as string, stopped: stopped[2] });
  if (done) run.attempts.push({ name: done[1] as string, stopped: undefined });
  if (control && control[2] !== 'ok') run.failedControls.push(`${control[1]} ${control[2]}`);
}

/** Reads an attack's report to its end, answering what it asks for. */
async function report(
  stdout: Readable,
  stdin: Writable,
  pid: number,
): Promise<Pick<AttackRun, 'attempts' | 'failedControls'>> {
  const run: Pick<AttackRun, 'attempts' | 'failedControls'> = { attempts: [], failedControls: [] };
  let size = 0;
  stdin.on('error', () => {});
  for await (const line of createInterface({ input: stdout })) {
    size += line.length;
    if (size > longestOutput) break;
    const answered = answer(line, pid);
    if (answered !== undefined) stdin.write(answered);
    readLine(line, run);
  }
  stdin.destroy();
  return run;
}

async function collect(stream: Readable): Promise<string> {
  let all = '';
  for await (const chunk of stream) if (all.length < longestOutput) all += chunk;
  return all;
}

const inside = '/run/attack';

/** Runs the program at `path`, as buildAttack gave it, in a sandbox of its own with `options`. */
export async function runInSandbox(
  attack: Attack,
  path: string,
  options: SandboxOptions,
  told: Told,
): Promise<AttackRun> {
  const isolated = options.isolation !== 'none';
  const mounts = isolated ? [...(options.mounts ?? []), { source: path, target: inside }] : options.mounts;
  await using box = await Sandbox.create({ ...options, mounts });
  const guest = await box.spawn([isolated ? inside : path], {
    env: { PATH: '/usr/bin:/bin', ...told },
    timeoutMs: attack.timeoutMs,
  });
  const [lines, stderr, exit] = await Promise.all([
    report(guest.stdout, guest.stdin, guest.pid),
    collect(guest.stderr),
    guest.exited,
  ]);
  return { ...lines, stderr, exitCode: exit.exitCode, signal: exit.signal, timedOut: exit.timedOut };
}

/** Runs it without any isolation: for the control of an attack, never for one that could harm the host. */
export async function runNatively(attack: Attack, path: string, told: Told): Promise<AttackRun> {
  const child = spawn(path, {
    env: { PATH: '/usr/bin:/bin', ...told, ATTACK_NATIVE: '1', ATTACK_CONTROL: '1' },
    timeout: attack.timeoutMs,
    killSignal: 'SIGKILL',
    detached: true,
  });
  const exited = new Promise<{ exitCode: number | null; signal: string | null }>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (exitCode, signal) => resolve({ exitCode, signal }));
  });
  const [lines, stderr, exit] = await Promise.all([
    report(child.stdout, child.stdin, child.pid ?? 0),
    collect(child.stderr),
    exited,
  ]);
  return { ...lines, stderr, ...exit, timedOut: child.killed };
}
