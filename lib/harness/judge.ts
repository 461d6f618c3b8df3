/** The judge's side of a running attack: reads what it reports, and answers what it asks for (corpus/attack.h). */
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { signalName } from '../signals.js';

export interface Attempt {
  name: string;
  /** How it was stopped: an errno's or a signal's name; undefined: it worked. */
  stopped: string | undefined;
}

export interface AttackReport {
  attempts: Attempt[];
  /** Harmless things that had to work and did not, as "NAME ERRNO". */
  failedControls: string[];
}

/** The attack's process as the host knows it, and what makes it do what a monitor must not. */
export interface Subject {
  pid(): number;
  /** Path of the injector; undefined for attacks that do not ask for it. */
  injector: string | undefined;
}

const longestOutput = 1 << 20;
const mostLines = 10_000;
/** How long a child may take to come to its wait, and the injector to make a call. */
const settleMs = 10_000;
/** Streams of an attack that has ended are somebody else's when nothing comes for so long, or something for very long. */
const drainMs = 1000;
const mostDrains = 5;

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

/** Processes whose parent is `pid`. */
export function children(pid: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => {
      try {
        return new RegExp(`\\) \\S ${pid} `).test(readFileSync(`/proc/${name}/stat`, 'latin1'));
      } catch {
        return false; // it has ended
      }
    })
    .map(Number);
}

/** The only child of `pid`, once it waits in read(2). */
async function waitingChild(pid: number): Promise<number> {
  for (const end = Date.now() + settleMs; Date.now() < end; await sleep(5)) {
    const [child, ...more] = children(pid);
    if (child === undefined || more.length > 0) continue;
    try {
      if (readFileSync(`/proc/${child}/syscall`, 'latin1').startsWith('0 ')) return child;
    } catch {}
  }
  throw new Error(`no child of ${pid} waits in read`);
}

/** Answers `inject? NUMBER ARGUMENT{6} NAME`: `killed SIGNAL`, `result N`, or `failed WHY`. */
async function inject(injector: string, pid: number, call: string): Promise<string> {
  try {
    const child = await waitingChild(pid);
    const { stdout } = await promisify(execFile)(injector, [String(child), ...call.split(' ')], {
      timeout: settleMs,
      killSignal: 'SIGKILL',
    });
    return stdout;
  } catch (error) {
    return `failed ${(error as Error).message.replaceAll('\n', ' ')}\n`;
  }
}

/** What an attack asks for by a line of its output; undefined: nothing. */
export function answer(line: string, pid: () => number): string | undefined {
  if (line !== 'maps?' && line !== 'descriptors?') return undefined;
  try {
    return line === 'maps?' ? mappings(pid()) : descriptors(pid());
  } catch {
    return '.\n'; // it has ended
  }
}

/** Takes one line of an attack's output into what it has reported. */
export function readLine(line: string, report: AttackReport): void {
  if (report.attempts.length + report.failedControls.length >= mostLines) return;
  const stopped = /^stopped (.+) (\S+)$/.exec(line);
  const done = /^done (.+)$/.exec(line);
  const control = /^control (.+) (\S+)$/.exec(line);
  if (stopped) report.attempts.push({ name: stopped[1] as string, stopped: stopped[2] });
  if (done) report.attempts.push({ name: done[1] as string, stopped: undefined });
  if (control && control[2] !== 'ok') report.failedControls.push(`${control[1]} ${control[2]}`);
}

/**
 * Chunks of `stream` as text until it ends or is destroyed. Not by node:readline, whose iterator waits for ever for a stream
 * that has ended before, as that of an attack which wrote nothing may have, and for one that is destroyed.
 */
async function* textOf(stream: Readable): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  try {
    for await (const chunk of stream) yield decoder.decode(chunk as Uint8Array, { stream: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error;
  }
}

/** Lines of the first mebibyte of `stream`; the rest is read and dropped, so that its writer is not held. */
async function* linesOf(stream: Readable): AsyncGenerator<string> {
  let size = 0;
  let partial = '';
  for await (const text of textOf(stream)) {
    if (size > longestOutput) continue;
    size += text.length;
    const lines = (partial + text).split('\n');
    partial = lines.pop() ?? '';
    yield* lines;
  }
  if (partial !== '') yield partial;
}

/** Reads an attack's report to its end, answering what it asks for. */
export async function judge(stdout: Readable, stdin: Writable, subject: Subject): Promise<AttackReport> {
  const report: AttackReport = { attempts: [], failedControls: [] };
  stdin.on('error', () => {});
  for await (const line of linesOf(stdout)) {
    const [, call, name] = /^inject\? (\d+(?: -?\d+){6}) (.+)$/.exec(line) ?? [];
    let answered = answer(line, subject.pid);
    if (subject.injector && call && name) {
      answered = await inject(subject.injector, subject.pid(), call);
      const signal = /^killed (\d+)/.exec(answered)?.[1];
      // The attack may be ended with its child, and so can say nothing of it.
      if (signal) report.attempts.push({ name, stopped: signalName(Number(signal)) });
    }
    if (answered !== undefined) stdin.write(answered);
    readLine(line, report);
  }
  stdin.destroy();
  return report;
}

/** What comes on a stream, up to a mebibyte; the rest is read and dropped. */
export async function collect(stream: Readable): Promise<string> {
  let all = '';
  for await (const text of textOf(stream)) if (all.length < longestOutput) all += text;
  return all;
}

/**
 * Resolves as `reading`, which reads `streams` to their ends. When all processes that are known have `ended` and a stream is
 * still open, one that nobody knows holds it: then what has come is all that there is.
 */
export async function untilGone<Result>(
  ended: Promise<unknown>,
  streams: readonly Readable[],
  reading: Promise<Result>,
): Promise<Result> {
  let over = false;
  const done = reading.finally(() => {
    over = true;
  });
  done.catch(() => {}); // told of below, or the failure of `ended` is
  await ended;
  const received = (): number =>
    streams.reduce((sum, stream) => sum + ((stream as Partial<Socket>).bytesRead ?? 0), 0);
  for (let before = -1, round = 0; !over && before !== received() && round < mostDrains; round++) {
    before = received();
    const late = new AbortController();
    await Promise.race([done, sleep(drainMs, undefined, { signal: late.signal }).catch(() => {})]);
    late.abort();
    await nextTurn();
  }
  for (const stream of streams) stream.destroy();
  return await done;
}
