/** Events under load and ill will: floods, slow readers, writers that are killed, many sandboxes. */
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { Sandbox, type SandboxEvent } from '../../lib/index.js';
import { until } from '../helpers/processes.js';

const python = '/usr/bin/python3';
const descriptors = (): number => readdirSync('/proc/self/fd').length;

describe('a flood', () => {
  it('of over 1,000,000 events of a hostile guest is dropped, counted, and costs Node no memory', async () => {
    await using box = await Sandbox.create({ isolation: 'full' });
    let seen = 0;
    let dropped = 0;
    let last = 0;
    let disorder = 0;
    box.on('syscall', (event) => {
      seen++;
      if (event.sequence < last) disorder++;
      last = event.sequence;
    });
    box.on('drop', (event) => {
      dropped += event.dropped;
    });
    const before = process.memoryUsage().rss;
    let turns = 0;
    const timer = setInterval(() => turns++, 10);
    const start = Date.now();
    // Two calls for each byte, from four processes.
    const flood =
      'for i in 1 2 3 4; do dd if=/dev/zero of=/dev/null bs=1 count=130000 2>/dev/null & done; wait';
    const result = await box.exec(['sh', '-c', flood]);
    clearInterval(timer);
    const seconds = (Date.now() - start) / 1000;
    expect(result).toMatchObject({ exitCode: 0, stderr: '' });
    const { delivered, dropped: all, lost, malformed } = box.eventCounters;
    expect(seen + all).toBeGreaterThan(1_000_000);
    expect(delivered).toBeGreaterThanOrEqual(seen);
    expect({ lost, malformed, dropped }).toEqual({ lost: 0, malformed: 0, dropped: all });
    // This thread's own work goes on all the while.
    expect(turns).toBeGreaterThan(seconds * 5);
    expect(process.memoryUsage().rss - before).toBeLessThan(400 << 20);
    console.log(`flood: ${seen} seen, ${all} dropped, ${disorder} late, in ${seconds} s`);
  }, 300_000);

  it('loses nothing where the guest waits for the reader', async () => {
    await using box = await Sandbox.create({
      isolation: 'none',
      events: { slots: 16, backpressure: 'block' },
    });
    let seen = 0;
    box.on('syscall', () => seen++, { syscalls: ['read', 'write'] });
    const run = box.exec(['dd', 'if=/dev/zero', 'of=/dev/null', 'bs=1', 'count=20000'], {
      timeoutMs: 200_000,
    });
    expect((await run).exitCode).toBe(0);
    expect(seen).toBeGreaterThanOrEqual(40_000);
    expect(box.eventCounters).toMatchObject({ dropped: 0, lost: 0, malformed: 0 });
  }, 240_000);

  it('waits for a slow stream, and a waiting guest can be killed', async () => {
    await using box = await Sandbox.create({
      isolation: 'none',
      events: { slots: 16, backpressure: 'block' },
    });
    const stream = box.events({ kinds: ['syscall'], syscalls: ['read', 'write'], buffer: 100 });
    const guest = await box.spawn(['dd', 'if=/dev/zero', 'of=/dev/null', 'bs=1', 'count=1000000'], {
      stdio: 'ignore',
    });
    const seen: SandboxEvent[] = [];
    for await (const event of stream) {
      seen.push(event);
      if (seen.length % 500 === 0) await sleep(50);
      if (seen.length === 3000) break;
    }
    const sequences = seen.map((event) => (event.kind === 'drop' ? 0 : event.sequence));
    expect(sequences.slice(0, 100)).toEqual([...sequences.slice(0, 100)].sort((a, b) => a - b));
    expect(box.eventCounters.dropped).toBe(0);
    guest.kill('SIGTERM');
    expect(await guest.exited).toMatchObject({ signal: 'SIGTERM' });

    // And with nobody reading at all.
    const stuck = box.events({ kinds: ['syscall'], buffer: 10 });
    const other = await box.spawn(['dd', 'if=/dev/zero', 'of=/dev/null', 'bs=1', 'count=1000000'], {
      stdio: 'ignore',
    });
    await sleep(1000);
    other.kill('SIGTERM');
    expect(await other.exited).toMatchObject({ signal: 'SIGTERM' });
    await stuck.return?.();
  }, 120_000);

  it('of a guest that waits ends with Node', async () => {
    const script = `
const { Sandbox } = await import(${JSON.stringify(new URL('../../dist/index.js', import.meta.url))});
const box = await Sandbox.create({ isolation: 'none', events: { slots: 16, backpressure: 'block' } });
box.events({ kinds: ['syscall'], buffer: 10 });
const guest = await box.spawn(['dd', 'if=/dev/zero', 'of=/dev/null', 'bs=1', 'count=1000000'], { stdio: 'ignore' });
setTimeout(() => { console.log(guest.pid); process.kill(process.pid, 'SIGKILL'); }, 700);
`;
    let pid = 0;
    try {
      execFileSync(process.execPath, ['--input-type=module', '-e', script], {
        encoding: 'utf8',
        timeout: 30_000,
      });
    } catch (error) {
      pid = Number((error as { stdout: string }).stdout);
    }
    expect(pid).toBeGreaterThan(1);
    await until(() => !readdirSync('/proc').includes(String(pid)));
  }, 60_000);

  it('with a stream that nobody reads drops what is past its buffer', async () => {
    await using box = await Sandbox.create({ isolation: 'none' });
    const stream = box.events({ buffer: 50 });
    await box.exec(['sh', '-c', '/bin/true; /bin/true; exit 0']);
    const seen: SandboxEvent[] = [];
    for await (const event of stream) {
      seen.push(event);
      if (event.kind === 'drop') break;
    }
    expect(seen).toHaveLength(51);
    expect(seen.at(-1)).toMatchObject({ kind: 'drop', dropped: expect.any(Number) });
  });
});

describe('writers that are killed at any moment', () => {
  it('neither block nor confuse the reader', async () => {
    await using box = await Sandbox.create({ isolation: 'full', events: { slots: 64 } });
    let seen = 0;
    box.on('syscall', () => seen++);
    const exits: (number | null)[] = [];
    box.on('exit', (event) => {
      if (event.first) exits.push(event.exitCode);
    });
    const script = `
import os, random, signal, time
random.seed(5)
for i in range(300):
  pid = os.fork()
  if pid == 0:
    while True: os.getppid()
  time.sleep(random.random() / 100)
  os.kill(pid, random.choice((signal.SIGKILL, signal.SIGKILL, signal.SIGTERM)))
  os.waitpid(pid, 0)
`;
    expect(await box.exec([python, '-S', '-c', script], { timeoutMs: 100_000 })).toMatchObject({
      exitCode: 0,
      stderr: '',
    });
    expect(seen).toBeGreaterThan(300);
    const between = seen;
    expect((await box.exec(['sh', '-c', 'exit 7'])).exitCode).toBe(7);
    expect(seen - between).toBeGreaterThan(20);
    expect(exits).toEqual([0, 7]);
    expect(box.eventCounters.malformed).toBe(0);
  }, 150_000);

  it('nor do ones that are stopped', async () => {
    await using box = await Sandbox.create({ isolation: 'full', events: { slots: 64 } });
    let seen = 0;
    box.on('syscall', () => seen++);
    const script = `
import os, random, signal, time
random.seed(6)
pids = []
for i in range(100):
  pid = os.fork()
  if pid == 0:
    while True: os.getppid()
  pids.append(pid)
  time.sleep(random.random() / 200)
  os.kill(pid, signal.SIGSTOP)
print("stopped", flush=True)
time.sleep(0.3)
for i in range(50): os.getpgid(0)
for pid in pids: os.kill(pid, signal.SIGKILL)
`;
    const guest = await box.spawn([python, '-S', '-c', script]);
    await new Promise((resolve) => guest.stdout.once('data', resolve));
    await sleep(100);
    const between = seen;
    expect(await guest.exited).toMatchObject({ exitCode: 0 });
    expect(seen - between).toBeGreaterThan(50);
    expect(box.eventCounters.malformed).toBe(0);
  }, 60_000);
});

describe('many', () => {
  it('sandboxes, 200 at once, each have their own events and leave nothing', async () => {
    await (await Sandbox.create({ isolation: 'none' })).close();
    const before = descriptors();
    await Promise.all(
      Array.from({ length: 200 }, async (_, i) => {
        const box = await Sandbox.create({ isolation: 'none' });
        const codes: (number | null)[] = [];
        const paths = new Set<string>();
        box.on('exit', (event) => codes.push(event.exitCode));
        box.on('syscall', (event) => paths.add(event.arguments[0]?.string ?? ''), { syscalls: ['chdir'] });
        await box.exec(['sh', '-c', `cd /proc/self/nowhere${i}; exit ${i % 100}`]);
        await box.close();
        expect(codes).toEqual([i % 100]);
        expect([...paths]).toEqual([`/proc/self/nowhere${i}`]);
      }),
    );
    await until(() => descriptors() <= before);
  }, 200_000);

  it('programs of one sandbox are told apart', async () => {
    await using box = await Sandbox.create({ isolation: 'full' });
    const programs = new Map<number, string[]>();
    box.on('exec', ({ program, argv }) =>
      programs.set(program, [...(programs.get(program) ?? []), argv.at(-1) ?? '']),
    );
    const guests = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        box.spawn(['sh', '-c', `exec /bin/echo ${i}`], { stdio: 'ignore' }),
      ),
    );
    await Promise.all(guests.map((guest) => guest.exited));
    for (const [i, guest] of guests.entries())
      expect(programs.get(guest.program)).toEqual([`exec /bin/echo ${i}`, String(i)]);
  }, 60_000);
});

describe('Node that is slow', () => {
  it('gets what there was room for, and the number of the rest', async () => {
    await using box = await Sandbox.create({ isolation: 'none', events: { slots: 256 } });
    let seen = 0;
    box.on('syscall', () => seen++);
    const guest = await box.spawn(['dd', 'if=/dev/zero', 'of=/dev/null', 'bs=1', 'count=5000'], {
      stdio: 'ignore',
    });
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1500);
    expect(await guest.exited).toMatchObject({ exitCode: 0 });
    const { dropped, lost } = box.eventCounters;
    expect(seen + dropped).toBeGreaterThan(10_000);
    expect(dropped).toBeGreaterThan(0);
    expect(lost).toBe(0);
  }, 60_000);
});
