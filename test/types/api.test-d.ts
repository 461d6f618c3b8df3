/** Types of the public API. Nothing here runs: tsc judges it (npm run check, .ci/run). */
import { Readable, type Writable } from 'node:stream';
import { expectTypeOf } from 'vitest';
import {
  type DoctorReport,
  doctor,
  type ErrorCode,
  type EventArgument,
  type EventCounters,
  type ExecEvent,
  type ExecOptions,
  type ExecResult,
  type ExitEvent,
  errorCodes,
  type GuestProcess,
  type Input,
  type KillSignal,
  type PipedProcess,
  type ProcessExit,
  type RunOptions,
  run,
  Sandbox,
  SandboxError,
  type SandboxEvent,
  type SpawnOptions,
  type Stdio,
  type ViolationEvent,
} from '../../lib/index.js';

const argv = ['true'] as const;
const box = await Sandbox.create();

// The output's type follows `encoding`.
expectTypeOf(run(argv)).resolves.toEqualTypeOf<ExecResult<string>>();
expectTypeOf(run(argv, {})).resolves.toEqualTypeOf<ExecResult<string>>();
expectTypeOf(run(argv, { encoding: undefined })).resolves.toEqualTypeOf<ExecResult<string>>();
expectTypeOf(run(argv, { encoding: 'utf8' })).resolves.toEqualTypeOf<ExecResult<string>>();
expectTypeOf(run(argv, { encoding: 'buffer' })).resolves.toEqualTypeOf<ExecResult<Buffer>>();
expectTypeOf(run(argv, {} as RunOptions)).resolves.toEqualTypeOf<ExecResult<string | Buffer>>();
expectTypeOf(box.exec(argv)).resolves.toEqualTypeOf<ExecResult<string>>();
expectTypeOf(box.exec(argv, { encoding: 'buffer' })).resolves.toEqualTypeOf<ExecResult<Buffer>>();
expectTypeOf(box.exec(argv, {} as ExecOptions)).resolves.toEqualTypeOf<ExecResult<string | Buffer>>();
expectTypeOf<ExecResult>().toExtend<ProcessExit>();
expectTypeOf<ExecResult['exitCode']>().toEqualTypeOf<number | null>();
expectTypeOf<ExecResult['signal']>().toEqualTypeOf<string | null>();

// argv is a list of strings, with the program as its first.
// @ts-expect-error
run('true');
// @ts-expect-error
run([1]);
// @ts-expect-error
run(argv, { timeout: 3 });
// @ts-expect-error
run(argv, { encoding: 'latin1' });
// @ts-expect-error
box.exec(argv, { kvmDevice: '/dev/kvm' });
// @ts-expect-error
box.exec(argv, { stdio: 'pipe' });
// @ts-expect-error
box.spawn(argv, { input: '' });
// @ts-expect-error
new Sandbox();

// Every option may be undefined, as spreads of optional fields give it.
expectTypeOf<{ [Name in keyof RunOptions]: undefined }>().toExtend<RunOptions>();
expectTypeOf<{ [Name in keyof SpawnOptions]: undefined }>().toExtend<SpawnOptions>();

expectTypeOf<string>().toExtend<Input>();
expectTypeOf<Buffer>().toExtend<Input>();
expectTypeOf(Readable.from(['x'])).toExtend<Input>();
expectTypeOf<AsyncGenerator<string | Uint8Array>>().toExtend<Input>();
expectTypeOf<string[]>().toExtend<Input>();
expectTypeOf<number>().not.toExtend<Input>();
expectTypeOf<number[]>().not.toExtend<Input>();

expectTypeOf<['pipe', 1, 'ignore', 4, 5]>().toExtend<Stdio>();
expectTypeOf<['inherit']>().toExtend<Stdio>();
expectTypeOf<['pipe', 'pipe', 'pipe', 'pipe']>().not.toExtend<Stdio>();
expectTypeOf<'null'>().not.toExtend<Stdio>();
expectTypeOf<'SIGTERM' | 'SIGRTMIN+3' | 9>().toExtend<KillSignal>();
expectTypeOf<'TERM'>().not.toExtend<KillSignal>();

expectTypeOf(box).toExtend<AsyncDisposable>();
expectTypeOf(box.close()).resolves.toEqualTypeOf<void>();

expectTypeOf(box.spawn(argv)).resolves.toEqualTypeOf<PipedProcess>();
expectTypeOf(box.spawn(argv, { cwd: '/', stdio: 'pipe' })).resolves.toEqualTypeOf<PipedProcess>();
expectTypeOf<PipedProcess['stdin']>().toEqualTypeOf<Writable>();
const guest = await box.spawn(argv, { stdio: ['pipe', 'ignore'] });
expectTypeOf(guest).toEqualTypeOf<GuestProcess>();
expectTypeOf(box.spawn(argv, {} as SpawnOptions)).resolves.toEqualTypeOf<GuestProcess>();
expectTypeOf(guest.stdin).toEqualTypeOf<Writable | null>();
expectTypeOf(guest.stdout).toEqualTypeOf<Readable | null>();
expectTypeOf(guest.exited).resolves.toEqualTypeOf<ProcessExit>();
guest.on('exit', (exit) => expectTypeOf(exit).toEqualTypeOf<ProcessExit>());
guest.on('stopped', (signal) => expectTypeOf(signal).toEqualTypeOf<string>());
// @ts-expect-error
guest.kill('TERM');
// @ts-expect-error
guest.pid = 3;

box.on('violation', (event) => expectTypeOf(event).toEqualTypeOf<ViolationEvent>());
box.on('syscall', ({ arguments: list }) => expectTypeOf(list).items.toEqualTypeOf<EventArgument>(), {
  syscalls: ['openat'],
});
for await (const event of box.events({ kinds: ['exec', 'exit'] }))
  expectTypeOf(event).toEqualTypeOf<ExecEvent | ExitEvent>();
for await (const event of box.events()) expectTypeOf(event).toEqualTypeOf<SandboxEvent>();
expectTypeOf(box.eventCounters).toEqualTypeOf<EventCounters>();
// @ts-expect-error
box.on('nothing', () => {});
// @ts-expect-error
box.events({ syscalls: ['opn'] });

const error = new SandboxError('ERR_SYSTEM', 'message', { errno: 24 });
expectTypeOf(error.code).toEqualTypeOf<ErrorCode>();
expectTypeOf(error.errno).toEqualTypeOf<number | undefined>();
expectTypeOf(errorCodes).items.toEqualTypeOf<ErrorCode>();
// @ts-expect-error
new SandboxError('ERR_OTHER', 'message');

expectTypeOf(doctor()).resolves.toEqualTypeOf<DoctorReport>();
expectTypeOf<DoctorReport['entryMode']>().toEqualTypeOf<'supervisor' | 'user' | null>();
