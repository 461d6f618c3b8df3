/** A monitor that somebody has taken over: the host kernel's filter stops it, and Node is told. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { type BreachEvent, Policy, type PolicyProfile, run, Sandbox } from '../../lib/index.js';
import { compileGuest, type GuestProgram } from '../helpers/guest-programs.mjs';
import { requires } from '../helpers/skip.js';

const execute = promisify(execFile);
const source = fileURLToPath(new URL('./programs/inject.c', import.meta.url));
const program = { name: 'inject', source } as GuestProgram;
const outerListener = {
  name: 'outer_listener',
  source: fileURLToPath(new URL('./programs/outer_listener.c', import.meta.url)),
} as GuestProgram;
const cli = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

const getppid = 110;
const forbidden = { ptrace: 101, mount: 165, init_module: 175, bpf: 321, io_uring_setup: 425, setns: 308 };

/** cat as the first process, its child or grandchild; each shell would go on when its child has ended. */
const commands = [
  ['/bin/cat'],
  ['/bin/sh', '-c', 'cat; echo went on'],
  ['/bin/sh', '-c', "sh -c 'cat; echo went on'; echo went on"],
];

function descendant(pid: number, depth: number): number {
  let found = pid;
  for (let i = 0; i < depth; i++)
    found = Number(readFileSync(`/proc/${found}/task/${found}/children`, 'utf8').split(' ')[0]);
  return found;
}

/** Until the process is in read(2) on descriptor 0. */
async function untilReading(pid: number): Promise<void> {
  while (!readFileSync(`/proc/${pid}/syscall`, 'utf8').startsWith('0 0x0 '))
    await new Promise((resolve) => setTimeout(resolve, 10));
}

interface Injection {
  policy?: PolicyProfile;
  isolation?: 'none' | 'full';
  /** 0: the first process, 1: its child, ... */
  depth?: number;
}

/** Makes a monitor that waits in read(2) call `number`; resolves with what the injector saw and how it ended. */
async function inject(number: number, { policy = 'compat', isolation = 'none', depth = 0 }: Injection = {}) {
  const injector = await compileGuest(program, 'static');
  await using box = await Sandbox.create({ policy, isolation });
  const breaches: BreachEvent[] = [];
  box.on('breach', (event) => breaches.push(event));
  const child = await box.spawn(commands[depth] as string[], { stdio: ['pipe', 'pipe', 'pipe'] });
  const output: string[] = [];
  child.stdout?.on('data', (chunk) => output.push(String(chunk)));
  // Echoed once, it waits for more.
  child.stdin?.write('x');
  await new Promise((resolve) => child.stdout?.once('data', resolve));
  const pid = descendant(child.pid, depth);
  await untilReading(pid);
  const numbers = /^NSpid:\t(.*)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]?.split('\t');
  const { stdout } = await execute(injector, [String(pid), String(number)]);
  child.stdin?.end();
  const end = await child.exited.then(
    (exit) => exit,
    (error: unknown) => error,
  );
  await child.end();
  return {
    seen: stdout.trim(),
    end,
    breaches,
    pid,
    guestPid: Number(numbers?.at(-1)),
    output: output.join(''),
    first: child.pid,
  };
}

describe('a monitor out of control', () => {
  it('can still make the calls that its policy needs', async (context) => {
    requires(context, process.getuid?.() === 0, 'a debugger of other processes needs root here');
    const { seen, breaches } = await inject(getppid, { policy: 'default' });
    expect(seen).toMatch(/^result [1-9]\d*$/);
    expect(breaches).toEqual([]);
  });

  for (const [name, number] of Object.entries(forbidden)) {
    it(`is killed when it calls ${name}, and that is ERR_MONITOR_BREACH`, async (context) => {
      requires(context, process.getuid?.() === 0, 'a debugger of other processes needs root here');
      const { seen, end, pid } = await inject(number);
      // The call never returned: the supervisor killed its process.
      expect(seen).toBe('killed by 9');
      expect(end).toMatchObject({
        code: 'ERR_MONITOR_BREACH',
        syscall: name,
        breach: {
          pid,
          guestPid: pid,
          guestTid: pid,
          syscall: name,
          number,
          arguments: [0n, 0n, 0n, 0n, 0n, 0n],
        },
      });
    });
  }

  for (const isolation of ['none', 'full'] as const) {
    for (const [depth, who] of [
      [0, 'the first process'],
      [1, 'a child'],
      [2, 'a grandchild'],
    ] as const) {
      it(`ends the whole program and tells Node when it is that of ${who} (isolation: ${isolation})`, async (context) => {
        requires(context, process.getuid?.() === 0, 'a debugger of other processes needs root here');
        const { seen, end, breaches, pid, guestPid, output, first } = await inject(forbidden.mount, {
          policy: 'default',
          isolation,
          depth,
        });
        expect(seen).toBe('killed by 9');
        expect(end).toMatchObject({
          code: 'ERR_MONITOR_BREACH',
          message: expect.stringContaining('mount(0x0, 0x0, 0x0, 0x0, 0x0, 0x0)'),
          breach: { pid, syscall: 'mount', number: forbidden.mount, architecture: 0xc000003e },
        });
        expect(breaches).toMatchObject([
          { kind: 'breach', hostPid: pid, syscall: 'mount', program: 1, first: pid === first },
        ]);
        // With isolation the program has its own numbers.
        expect(breaches[0]?.pid).toBe(guestPid);
        expect(output, 'no process of the program went on').toBe('x');
        for (const gone of [pid, first]) expect(existsSync(`/proc/${gone}`)).toBe(false);
      });
    }
  }
});

describe('where the kernel has no listener to give', () => {
  it('it ends the process itself, and that of the first process is ERR_MONITOR_BREACH', async (context) => {
    requires(context, process.getuid?.() === 0, 'a debugger of other processes needs root here');
    const injector = await compileGuest(program, 'static');
    const outer = await compileGuest(outerListener, 'static');
    const command = [process.execPath, cli, 'run', '--policy', 'default', '--', '/bin/cat'];
    const node = spawn(outer, command, { stdio: ['pipe', 'pipe', 'pipe'] });
    const errors: string[] = [];
    node.stderr.on('data', (chunk) => errors.push(String(chunk)));
    const ended = once(node, 'close');
    node.stdin.write('x');
    await once(node.stdout, 'data');
    // Node, supervisor, monitor.
    const pid = descendant(node.pid as number, 2);
    await untilReading(pid);
    const { stdout } = await execute(injector, [String(pid), String(forbidden.mount)]);
    node.stdin.end();
    expect(stdout.trim()).toBe('killed by 31');
    expect((await ended)[0]).toBe(125);
    expect(errors.join('')).toContain('A monitor made a forbidden call of the host kernel');
  });
});

describe('a guest’s own SIGSYS', () => {
  for (const [name, command] of [
    ['sent to itself', 'kill -SYS $$'],
    ['of a program that it executed', 'exec sh -c "kill -SYS \\$\\$"'],
  ] as const) {
    it(`${name} is no breach`, async () => {
      const result = await run(['/bin/sh', '-c', command], { policy: Policy.default(), isolation: 'none' });
      expect(result).toMatchObject({ exitCode: null, signal: 'SIGSYS' });
    });
  }

  it('of a child is the child’s', async () => {
    const result = await run(['/bin/sh', '-c', 'sh -c "kill -SYS \\$\\$"; echo $?'], {
      policy: Policy.default(),
      isolation: 'none',
    });
    expect(result).toMatchObject({ stdout: '159\n', exitCode: 0 });
  });
});
