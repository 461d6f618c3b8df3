/** Programs that attack the calls that Node decides, or end while they wait. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { callGroups, type InterceptedCall, Sandbox } from '../../lib/index.js';
import { compileAttack } from '../helpers/sandbox-programs.js';

const folder = mkdtempSync(join(tmpdir(), 'barchan-intercept-'));
const good = join(folder, 'good');
const bad = join(folder, 'bad');
let program: string;
let box: Sandbox;

beforeAll(() => {
  program = compileAttack('intercept', folder);
  writeFileSync(good, 'good');
  writeFileSync(bad, 'bad');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
beforeEach(async () => {
  box = await Sandbox.create({ isolation: 'none', policy: 'default', timeoutMs: 30_000 });
});
afterEach(() => box.close());

type Open = InterceptedCall<'openat' | 'openat2'>;
const pathOf = (call: Open): string => call.args.path;

/** /virtual/N has bytes; /virtual/slow takes a while, /virtual/never for ever. */
async function virtual(call: Open): Promise<ReturnType<Open['deny']>> {
  const name = /^\/virtual\/(.*)$/.exec(pathOf(call))?.[1];
  if (name === undefined) return call.allow();
  if (name === 'never') {
    await new Promise((resolve) => call.signal.addEventListener('abort', resolve));
    return call.deny('ENOENT');
  }
  if (name === 'slow') await sleep(400);
  return call.file(`bytes of ${name}`);
}

const output = async (...args: string[]): Promise<string> => {
  const result = await box.exec([program, ...args]);
  expect(result.stderr).toBe('');
  return result.stdout;
};

describe('memory that changes while the handler thinks', () => {
  it('does not change the path that was judged', async () => {
    const judged = new Set<string>();
    box.intercept(callGroups.open, async (call) => {
      judged.add(pathOf(call));
      await sleep(3);
      return pathOf(call) === good ? call.allow() : call.deny('EACCES');
    });
    expect(await output('toctou', good, bad)).toBe('good 1 bad 0 refused 1\n');
    expect(judged.has(bad)).toBe(true);
  });

  it('does not change the bytes that were judged', async () => {
    const seen: string[] = [];
    box.intercept(['write', 'writev'], async (call) => {
      const { buf, iov } = call.args as { buf?: Buffer; iov?: Buffer };
      seen.push((buf ?? iov ?? Buffer.alloc(0)).toString());
      await sleep(2);
      return call.allow();
    });
    expect(await output('data')).toBe(seen.join(''));
    expect(seen).toHaveLength(40);
  });
});

describe('a call that waits', () => {
  it.each([
    ['1', 'bytes of slow, handled 1\n', 2],
    ['0', 'errno 4, handled 1\n', 1],
  ])('is interrupted by a signal (SA_RESTART %s)', async (restart, expected, asked) => {
    const calls: Open[] = [];
    box.intercept(callGroups.open, (call) => {
      if (pathOf(call) === '/virtual/slow') calls.push(call);
      return virtual(call);
    });
    expect(await output('signal', restart)).toBe(expected);
    expect(calls).toHaveLength(asked);
    expect(calls[0]?.signal.aborted).toBe(true);
  });

  it.each([
    ['exit', { exitCode: 7, signal: null, stdout: 'leaving\n' }],
    ['kill', { exitCode: null, signal: 'SIGKILL', stdout: 'leaving\n' }],
    ['exec', { exitCode: 0, signal: null, stdout: 'leaving\nbytes of after\n' }],
  ])('ends with its process: %s', async (how, expected) => {
    let left = 0;
    box.intercept(callGroups.open, (call) => {
      if (pathOf(call) === '/virtual/never') call.signal.addEventListener('abort', () => left++);
      return virtual(call);
    });
    expect(await box.exec([program, 'ends', how])).toMatchObject(expected);
    await expect.poll(() => left).toBe(1);
  });

  it('waits beside 63 others', async () => {
    let waiting = 0;
    let most = 0;
    let release: () => void = () => {};
    const all = new Promise<void>((resolve) => (release = resolve));
    box.intercept(callGroups.open, async (call) => {
      if (!pathOf(call).startsWith('/virtual/')) return call.allow();
      most = Math.max(most, ++waiting);
      if (waiting === 64) release();
      await all;
      waiting--;
      return virtual(call);
    });
    expect(await output('many', '64')).toBe('right 64\n');
    expect(most).toBe(64);
  });

  it('is one of each process that forks, vforks, execs or is killed', async () => {
    box.intercept(callGroups.open, virtual);
    expect(await output('family')).toBe('child bytes of 1\nbytes of 2\nkilled by 9, then bytes of 3\n');
  });
});

describe('the sockets', () => {
  it('take no forged answers, and are none of the program', async () => {
    box.intercept(callGroups.open, async (call) => {
      if (pathOf(call) !== '/etc/passwd') return call.allow();
      await sleep(0);
      return call.deny('EACCES');
    });
    expect(await output('forge')).toBe('through 0 refused 150\n');
    expect(await output('private')).toBe('found 0\n');
  });
});
