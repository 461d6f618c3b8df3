/** barchan/vm: registers, memory, breakpoints, steps, watched pages, system calls, coverage. */
import { readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ProcessExit, Sandbox, type SandboxOptions } from '../../lib/index.js';
import { Vm, type VmStop } from '../../lib/vm/index.js';
import { Debuggees } from '../helpers/debuggee.js';
import { describeFds } from '../helpers/open-files.js';

const programs = new Debuggees();
afterAll(() => programs.remove());
const { fixed, dynamic } = programs;
const pageSize = 4096n;

let box: Sandbox;
let vm: Vm;
let output: Promise<string>;
let ended: Promise<unknown>[] = [];
beforeEach(async () => {
  box = await Sandbox.create({ isolation: 'none', timeoutMs: 50_000 });
});
afterEach(async () => {
  await vm.process.end();
  await Promise.all(ended);
  ended = [];
  await box.close();
});

async function start(mode: string, program = fixed, more: readonly string[] = []): Promise<Vm> {
  vm = await Vm.spawn(box, [program.path, mode, ...more]);
  const mine = vm;
  ended.push(mine.process.gone);
  let text = '';
  vm.process.stdout?.on('data', (chunk) => (text += chunk));
  vm.process.stderr?.resume();
  output = mine.process.gone.then(() => new Promise((resolve) => setImmediate(() => resolve(text))));
  return vm;
}

/** Goes on until the end, which must be the next thing to happen. */
async function finish(): Promise<ProcessExit> {
  const stop = await vm.resume();
  expect(stop.reason).toBe('exit');
  return (stop as VmStop & { reason: 'exit' }).exit;
}

describe('a program that has stopped', () => {
  it('stands before its first instruction, which and whose successors are stepped', async () => {
    await start('sum');
    expect(vm.stop).toMatchObject({ reason: 'start', path: fixed.path });
    const entry = readFileSync(fixed.path).readBigUInt64LE(24);
    expect((await vm.registers()).rip).toBe(entry);
    expect((await vm.read(vm.program.stack, 8)).readBigUInt64LE()).toBe(2n);
    let last = entry;
    for (let i = 0; i < 20; i++) {
      expect(await vm.step()).toEqual({ reason: 'step', tid: vm.process.pid });
      const { rip, rflags } = await vm.registers();
      expect(rip).not.toBe(last);
      expect(rflags & 0x100n).toBe(0n);
      last = rip;
    }
    expect((await finish()).exitCode).toBe(7);
    expect(await output).toBe('sum 3\n');
  });

  it('has registers, memory and FPU state that can be read and written', async () => {
    await start('sum');
    await vm.setBreakpoint(fixed.symbol('add'));
    await vm.resume();
    const area = await vm.state();
    area.writeDoubleLE(2.5, 160); // XMM0
    area.writeBigUInt64LE(area.readBigUInt64LE(512) | 2n, 512);
    await vm.setState(area);
    expect((await vm.state()).readDoubleLE(160)).toBe(2.5);
    await vm.setRegisters({ rdi: 1000n, r15: 0xffff_ffff_ffff_ffffn });
    expect(await vm.registers()).toMatchObject({ rdi: 1000n, r15: 0xffff_ffff_ffff_ffffn });
    const number = Buffer.alloc(4);
    number.writeInt32LE(5);
    await vm.write(fixed.symbol('counter'), number);
    expect((await vm.read(fixed.symbol('counter'), 4)).readInt32LE()).toBe(5);
    await vm.removeBreakpoint(fixed.symbol('add'));
    expect((await finish()).exitCode).toBe(7);
    expect(await output).toBe('sum 1003\n');
  });

  it('refuses what there is not', async () => {
    await start('sum');
    await expect(vm.read(8n, 8)).rejects.toMatchObject({ code: 'ERR_VM_MEMORY' });
    await expect(vm.write(0x6000_0000_0000n, Buffer.alloc(1))).rejects.toMatchObject({
      code: 'ERR_VM_MEMORY',
    });
    await expect(vm.registers(1)).rejects.toMatchObject({ code: 'ERR_VM_THREAD' });
    await expect(vm.step({ only: 1 })).rejects.toMatchObject({ code: 'ERR_VM_THREAD' });
    await expect(vm.setBreakpoint(8n)).rejects.toMatchObject({ code: 'ERR_VM_BREAKPOINT' });
    await expect(vm.watch({ address: 4096n, length: 0, read: true })).rejects.toMatchObject({
      code: 'ERR_INVALID_OPTION',
    });
    await expect(vm.catchSyscalls({ entry: [512] })).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION' });
    const running = finish();
    await expect(vm.resume()).rejects.toMatchObject({ code: 'ERR_VM_RUNNING' });
    await running;
    await expect(vm.registers()).rejects.toMatchObject({ code: 'ERR_VM_ENDED' });
  });

  it('does not see the flag that steps it', async () => {
    await start('flags');
    await vm.setBreakpoint(fixed.symbol('flags_pushed'));
    await vm.resume();
    for (let i = 0; i < 5; i++) await vm.step();
    await finish();
    expect(await output).toBe('trap flag 0\n');
  });

  it('does not see the debugger in /proc', async () => {
    await start('proc');
    await finish();
    const plain = await box.exec([fixed.path, 'proc']);
    expect(await output).toBe(plain.stdout);
  });

  it('is ended with its Vm, and leaves nothing open', async () => {
    const before = describeFds();
    {
      await using short = await Vm.spawn(box, [fixed.path, 'threads'], { stdio: 'ignore' });
      const going = short.resume();
      await short.interrupt();
      await going;
    }
    await expect(Vm.spawn(box, [`${programs.folder}/none`], { stdio: 'ignore' })).rejects.toMatchObject({
      code: 'ERR_PROGRAM_NOT_FOUND',
    });
    await expect.poll(() => describeFds()).toEqual(before);
  });

  it('runs on when it is detached', async () => {
    await start('sum');
    await vm.setBreakpoint(fixed.symbol('add'));
    await vm.resume();
    await vm.detach();
    expect((await vm.process.exited).exitCode).toBe(7);
    expect(await output).toBe('sum 3\n');
    await expect(vm.registers()).rejects.toMatchObject({ code: 'ERR_VM_ENDED' });
  });
});

describe('a breakpoint', () => {
  it.each([
    ['static', fixed],
    ['dynamic', dynamic],
  ])('stops a %s program each time, and is in no file and no read', async (_kind, program) => {
    const add = program.symbol('add');
    const file = readFileSync(program.path);
    await start('sum', program);
    const code = await vm.read(add, 16);
    await vm.setBreakpoint(add);
    expect(await vm.read(add, 16)).toEqual(code);
    const seen: bigint[] = [];
    for (let i = 0; i < 3; i++) {
      expect(await vm.resume()).toEqual({ reason: 'breakpoint', tid: vm.process.pid, address: add });
      const { rip, rsi } = await vm.registers();
      expect(rip).toBe(add);
      seen.push(rsi);
    }
    expect(seen).toEqual([0n, 1n, 2n]);
    expect(readFileSync(program.path).equals(file)).toBe(true);
    expect((await box.exec([program.path, 'sum'])).exitCode).toBe(7);
    expect((await finish()).exitCode).toBe(7);
  });

  it('is not set in shared mappings', async () => {
    await start('shared');
    await vm.setBreakpoint(fixed.symbol('ready'));
    await vm.resume();
    const at = (await vm.read(fixed.symbol('shared_code'), 8)).readBigUInt64LE();
    await expect(vm.setBreakpoint(at)).rejects.toMatchObject({ code: 'ERR_VM_BREAKPOINT' });
    await expect(vm.write(at, Buffer.from([0]))).rejects.toMatchObject({ code: 'ERR_VM_MEMORY' });
    expect(readFileSync(fixed.path)[0]).toBe(0x7f);
    await finish();
  });

  it('is not in children, which have their own memory or share it until they exec', async () => {
    await start('children');
    await vm.setBreakpoint(fixed.symbol('visit'));
    const ids: bigint[] = [];
    for (let i = 0; i < 2; i++) {
      expect((await vm.resume()).reason).toBe('breakpoint');
      ids.push((await vm.registers()).rdi);
    }
    expect(ids).toEqual([1n, 100n]);
    await finish();
    expect(await output).toBe('fork 3\nvfork 0 total 11\n');
  });

  it('ends with an exec, which is told of; calls stay caught', async () => {
    await start('exec');
    await vm.setBreakpoint(fixed.symbol('add'));
    await vm.catchSyscalls({ entry: ['exit_group'] });
    expect(await vm.resume()).toMatchObject({ reason: 'exec', path: fixed.path });
    expect(vm.breakpoints).toEqual([]);
    expect(await vm.resume()).toMatchObject({ reason: 'syscallEntry', name: 'exit_group' });
    expect((await finish()).exitCode).toBe(7);
  });
});

describe('watched memory', () => {
  it.each(['write', 'read', 'execute'] as const)('stops for %s', async (kind) => {
    const address = fixed.symbol(kind === 'execute' ? 'add' : 'counter');
    await start('sum');
    await vm.watch({ address, length: kind === 'execute' ? 1 : 4, [kind]: true });
    const values: number[] = [];
    for (let i = 0; i < 3; i++) {
      expect(await vm.resume()).toEqual({ reason: 'watch', tid: vm.process.pid, address, kind });
      values.push((await vm.read(fixed.symbol('counter'), 4)).readInt32LE());
    }
    // A write is over, an instruction is not begun.
    expect(values).toEqual({ write: [0, 1, 4], read: [0, 0, 1], execute: [0, 0, 1] }[kind]);
    await vm.unwatch(address, kind === 'execute' ? 1 : 4);
    expect((await finish()).exitCode).toBe(7);
  });

  it('stops a step that uses it', async () => {
    await start('sum');
    await vm.setBreakpoint(fixed.symbol('add'));
    await vm.resume();
    await vm.watch({ address: fixed.symbol('counter'), length: 4, write: true });
    let stop = await vm.step();
    for (let i = 0; i < 20 && stop.reason === 'step'; i++) stop = await vm.step();
    expect(stop).toMatchObject({ reason: 'watch', kind: 'write' });
    await vm.unwatch(fixed.symbol('counter'), 4);
    await vm.removeBreakpoint(fixed.symbol('add'));
    await finish();
  });
});

describe('system calls', () => {
  it('stop before and after, and change', async () => {
    await start('sum');
    await vm.catchSyscalls({ entry: ['write', 'exit_group'], return: ['write'] });
    const entry = await vm.resume();
    expect(entry).toMatchObject({ reason: 'syscallEntry', number: 1, name: 'write' });
    const [fd, address, size] = (entry as VmStop & { reason: 'syscallEntry' }).args as [
      bigint,
      bigint,
      bigint,
    ];
    expect([fd, size]).toEqual([1n, 6n]);
    expect(await vm.syscallOf()).toBe(1);
    await vm.write(address, Buffer.from('SUM'));
    expect(await vm.resume()).toMatchObject({ reason: 'syscallReturn', name: 'write', result: 6n });
    expect(await vm.resume()).toMatchObject({ name: 'exit_group' });
    await vm.setRegisters({ rdi: 42n });
    expect((await finish()).exitCode).toBe(42);
    expect(await output).toBe('SUM 3\n');
  });

  it('are not made when they are finished here', async () => {
    await start('sum');
    await vm.catchSyscalls({ entry: ['write'], return: ['write'] });
    await vm.resume();
    await vm.finishSyscall(6n);
    expect(await vm.resume()).toMatchObject({ reason: 'syscallReturn', result: 6n });
    expect((await finish()).exitCode).toBe(7);
    expect(await output).toBe('');
  });

  it('are one step', async () => {
    await start('sum');
    await vm.catchSyscalls({ entry: ['write'] });
    await vm.resume();
    const { rip } = await vm.registers();
    expect((await vm.step()).reason).toBe('step');
    const after = await vm.registers();
    expect([after.rip, after.rax]).toEqual([rip, 6n]);
    await finish();
  });
});

describe('a fault', () => {
  it('is told of before the program has its signal', async () => {
    await start('fault');
    expect(await vm.resume()).toMatchObject({ reason: 'fault', signal: 'SIGSEGV', code: 1, address: 16n });
    // Dropped, it comes again.
    expect(await vm.resume({ signal: false })).toMatchObject({ reason: 'fault', address: 16n });
    expect((await finish()).exitCode).toBe(4);
    expect(await output).toBe('handled 1\n');
  });

  it('ends a program without a handler', async () => {
    await start('fault', fixed, ['default']);
    expect((await vm.resume()).reason).toBe('fault');
    expect(await finish()).toMatchObject({ exitCode: null, signal: 'SIGSEGV' });
  });

  it('can be mended', async () => {
    await start('fault');
    await vm.resume();
    const { rip } = await vm.registers();
    const code = await vm.read(rip, 7);
    expect(code.toString('hex')).toBe('c6042510000000'); // movb $1, 16
    await vm.setRegisters({ rip: rip + 8n });
    const stop = await vm.resume({ signal: false });
    expect(stop.reason).toBe('exit');
    expect((stop as VmStop & { reason: 'exit' }).exit.exitCode).toBe(99);
  });
});

describe('threads', () => {
  it('stop all at once and fail no call for it, however often', async () => {
    await start('threads', dynamic);
    await vm.setBreakpoint(dynamic.symbol('ready'));
    expect(await vm.resume()).toMatchObject({ reason: 'breakpoint', tid: vm.process.pid });
    await vm.removeBreakpoint(dynamic.symbol('ready'));
    let inCalls = 0;
    for (let i = 0; i < 60; i++) {
      const going = vm.resume();
      await vm.interrupt();
      expect((await going).reason).toBe('interrupt');
      const threads = await vm.threads();
      expect(threads).toHaveLength(6);
      for (const { tid, inSyscall } of threads) {
        const { rip } = await vm.registers(tid);
        expect(rip).toBeGreaterThan(0n);
        if (inSyscall) inCalls++;
      }
    }
    expect(inCalls).toBeGreaterThan(0);
    await vm.write(dynamic.symbol('stop'), Buffer.from([1, 0, 0, 0]));
    expect((await finish()).exitCode).toBe(0);
    expect(await output).toBe('total 12 failures 0\n');
  });

  it('stay in a call that they are stopped in', async () => {
    vm = await Vm.spawn(box, ['/bin/cat']);
    ended.push(vm.process.gone);
    for (let calls = false; !calls; ) {
      const going = vm.resume();
      await vm.interrupt();
      expect((await going).reason).toBe('interrupt');
      calls = (await vm.threads())[0]?.inSyscall === true && (await vm.syscallOf()) === 0;
    }
    expect((await vm.registers()).rdi).toBe(0n);
    await expect(vm.setRegisters({ rax: 1n })).rejects.toMatchObject({ code: 'ERR_VM_THREAD' });
    let text = '';
    vm.process.stdout?.on('data', (chunk) => (text += chunk));
    vm.process.stdin?.end('through');
    expect((await finish()).exitCode).toBe(0);
    await expect.poll(() => text).toBe('through');
  });

  it('each come to a breakpoint, and none of them passes it unseen', async () => {
    await start('threads');
    await vm.setBreakpoint(fixed.symbol('visit'));
    const ids: number[] = [];
    for (let i = 0; i < 6; i++) {
      const stop = await vm.resume();
      expect(stop.reason).toBe('breakpoint');
      ids.push(Number((await vm.registers()).rdi));
    }
    expect(ids.sort()).toEqual([1, 1, 2, 2, 3, 3]);
    await vm.write(fixed.symbol('stop'), Buffer.from([1, 0, 0, 0]));
    expect((await finish()).exitCode).toBe(0);
  });

  it('go alone', async () => {
    await start('threads');
    await vm.setBreakpoint(fixed.symbol('visit'));
    const first = (await vm.resume()) as VmStop & { reason: 'breakpoint' };
    const others = (await vm.threads()).filter(({ tid }) => tid !== first.tid);
    const rips = async (): Promise<bigint[]> =>
      Promise.all(others.map(async ({ tid }) => (await vm.registers(tid)).rip));
    const before = await rips();
    await vm.removeBreakpoint(fixed.symbol('visit'));
    for (let i = 0; i < 10; i++) expect(await vm.step()).toMatchObject({ reason: 'step', tid: first.tid });
    expect(await rips()).toEqual(before);
  });
});

describe('coverage', () => {
  it('names the pages that were executed, read and written', async () => {
    await start('sum');
    await vm.cover({ read: true, write: true, execute: true });
    await vm.catchSyscalls({ entry: ['exit_group'] });
    await vm.resume();
    const pages = await vm.covered();
    const of = (symbol: string) =>
      pages.find((page) => page.address === (fixed.symbol(symbol) & ~(pageSize - 1n)));
    expect(of('add')).toMatchObject({ execute: true, write: false });
    expect(of('counter')).toMatchObject({ execute: false, write: true });
    const executable = (await vm.mappings()).filter((one) => one.execute);
    const inside = (address: bigint): boolean =>
      executable.some((one) => address >= one.start && address < one.end);
    const executed = pages.filter((page) => page.execute);
    expect(executed.every((page) => inside(page.address))).toBe(true);
    const all = executable.reduce((sum, one) => sum + Number((one.end - one.start) / pageSize), 0);
    expect(executed.length).toBeLessThan(all);
    await vm.cover({});
    expect(await vm.covered()).toEqual([]);
    await finish();
  });
});

describe('in a sandbox', () => {
  it.each<[string, SandboxOptions]>([
    ['default', { policy: 'default' }],
    ['strict', { policy: 'strict' }],
  ])('works under the policy %s', async (_name, options) => {
    await box.close();
    const mounts = [{ source: programs.folder, target: '/programs' }];
    box = await Sandbox.create({ timeoutMs: 50_000, mounts, ...options });
    vm = await Vm.spawn(box, ['/programs/fixed', 'sum'], { stdio: ['ignore', 'ignore', 'ignore'] });
    ended.push(vm.process.gone);
    await vm.setBreakpoint(fixed.symbol('add'));
    expect((await vm.resume()).reason).toBe('breakpoint');
    expect((await vm.step()).reason).toBe('step');
    await vm.removeBreakpoint(fixed.symbol('add'));
    expect((await finish()).exitCode).toBe(7);
  });
});
