/** A monitor that somebody has taken over: the host kernel's filter stops it, and Node is told. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { Policy, type PolicyProfile, run, Sandbox } from '../../lib/index.js';
import { compileGuest, type GuestProgram } from '../helpers/guest-programs.mjs';
import { requires } from '../helpers/skip.js';

const execute = promisify(execFile);
const source = fileURLToPath(new URL('./programs/inject.c', import.meta.url));
const program = { name: 'inject', source } as GuestProgram;

const getppid = 110;
const forbidden = { ptrace: 101, mount: 165, init_module: 175, bpf: 321, io_uring_setup: 425, setns: 308 };

/** Makes a monitor that waits in read(2) call `number`; resolves with what the injector saw and how it ended. */
async function inject(policy: PolicyProfile, number: number) {
  const injector = await compileGuest(program, 'static');
  await using box = await Sandbox.create({ policy, isolation: 'none' });
  const child = await box.spawn(['/bin/cat'], { stdio: ['pipe', 'pipe', 'pipe'] });
  // Echoed once, it waits for more.
  child.stdin?.write('x');
  await new Promise((resolve) => child.stdout?.once('data', resolve));
  await new Promise((resolve) => setTimeout(resolve, 200));
  const { stdout } = await execute(injector, [String(child.pid), String(number)]);
  child.stdin?.end();
  const end = await child.exited.then(
    (exit) => exit,
    (error: unknown) => error,
  );
  return { seen: stdout.trim(), end };
}

describe('a monitor out of control', () => {
  it('can still make the calls that its policy needs', async (context) => {
    requires(context, process.getuid?.() === 0, 'a debugger of other processes needs root here');
    const { seen } = await inject('default', getppid);
    expect(seen).toMatch(/^result [1-9]\d*$/);
  });

  for (const [name, number] of Object.entries(forbidden)) {
    it(`is killed when it calls ${name}, and that is ERR_MONITOR_BREACH`, async (context) => {
      requires(context, process.getuid?.() === 0, 'a debugger of other processes needs root here');
      const { seen, end } = await inject('compat', number);
      expect(seen).toBe('killed by 31');
      expect(end).toMatchObject({ code: 'ERR_MONITOR_BREACH' });
    });
  }
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
