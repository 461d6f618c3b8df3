/** What sandboxes and programs say that they use, against what they do. */
import { describe, expect, it } from 'vitest';
import { findParents, NoParent } from '../../lib/cgroup.js';
import { run, Sandbox } from '../../lib/index.js';
import { until } from '../helpers/processes.js';
import { requires } from '../helpers/skip.js';

const python = (code: string): string[] => ['/usr/bin/python3', '-c', code];
const calls = (count: number): string[] => python(`import os\nfor i in range(${count}): os.getppid()`);

describe('counts', () => {
  it('grow with what a program does', async () => {
    const [few, many] = await Promise.all([run(calls(100)), run(calls(3100))]);
    const difference = many.usage.syscalls - few.usage.syscalls;
    expect(difference).toBeGreaterThanOrEqual(2950);
    expect(difference).toBeLessThan(3300);
    expect(few.usage.exits).toBeGreaterThan(0);
    expect(few.usage.faults).toBeGreaterThan(0);
  });

  it('hold what children, threads and programs after an exec do, and of those that were killed', async () => {
    const code = `import os, threading
def work():
  for i in range(500): os.getppid()
for kind in range(2):
  if os.fork() == 0:
    work()
    os.kill(os.getpid(), 9) if kind else os._exit(0)
  os.wait()
threads = [threading.Thread(target=work) for i in range(4)]
for t in threads: t.start()
for t in threads: t.join()
os.execv('/usr/bin/python3', ['python3', '-c', 'import os\\nfor i in range(500): os.getppid()'])`;
    const [all, one] = await Promise.all([run(python(code)), run(calls(500))]);
    expect(all).toMatchObject({ exitCode: 0 });
    // 7 times 500 calls, and two start-ups of Python.
    expect(all.usage.syscalls).toBeGreaterThan(7 * 500 + one.usage.syscalls - 500);
    expect(all.usage.syscalls).toBeLessThan(7 * 500 + 4 * (one.usage.syscalls - 500));
  });
});

describe('metrics of a running program', () => {
  it('tell its processes, memory and time, and those of the sandbox', async () => {
    await using box = await Sandbox.create();
    const guest = await box.spawn(['sh', '-c', 'sleep 100 & (sleep 100 &); exec sleep 100']);
    const spin = await box.spawn(python('a = bytearray(30 << 20)\nwhile True: pass'));
    await until(() => guest.metrics().processes === 3 && spin.metrics().cpu.userMs > 100);
    await until(() => spin.metrics().memory.currentBytes > 30 << 20);
    const [program, all] = [spin.metrics(), box.metrics()];
    expect(program.processes).toBe(1);
    expect(all).toMatchObject({ programs: { running: 2, ended: 0 }, processes: 4, limits: {} });
    expect(all.memory.currentBytes).toBeGreaterThan(program.memory.currentBytes);
    expect(all.cpu.userMs + all.cpu.systemMs).toBeGreaterThan(100);
    expect(all.syscalls).toBeGreaterThanOrEqual(program.syscalls + guest.metrics().syscalls);
    await guest.end();
    await until(() => box.metrics().programs.ended === 1);
    expect(guest.metrics()).toMatchObject({ processes: 0, memory: { currentBytes: 0 } });
    expect(guest.metrics().syscalls).toBeGreaterThan(0);
    expect(box.metrics().syscalls).toBeGreaterThanOrEqual(all.syscalls);
    await box.close();
    expect(box.metrics()).toMatchObject({ programs: { running: 0, ended: 2 }, processes: 0 });
    expect(box.metrics().memory.peakBytes).toBeGreaterThan(30 << 20);
  });

  it('come from the control group where there is one', async (context) => {
    const here = findParents(['memory', 'cpuacct'], undefined).every(
      ({ parent }) => !(parent instanceof NoParent),
    );
    requires(context, here, 'this user may not make the control group here');
    await using box = await Sandbox.create({ limits: { memory: '200m', cpuMs: 100_000 } });
    await box.exec(python('a = bytearray(40 << 20)'));
    const { memory, limits } = box.metrics();
    expect(memory.peakBytes).toBeGreaterThan(40 << 20);
    expect(memory.currentBytes).toBeLessThan(memory.peakBytes);
    expect(limits).toEqual({ memory: 'cgroup', cpuMs: 'cgroup' });
  });

  it('of a plain program without isolation', async () => {
    await using box = await Sandbox.create({ isolation: 'none' });
    const guest = await box.spawn(['sh', '-c', 'sleep 100 & exec sleep 100']);
    await until(() => guest.metrics().processes === 2);
    expect(guest.metrics().memory.currentBytes).toBeGreaterThan(0);
  });
});
