/** The system-call table as TypeScript sees it: names, numbers, argument names. */
import { syscallRows } from './syscall-rows.js';

/** A Linux x86-64 system call's name, as in unistd_64.h without the prefix. */
export type SyscallName = keyof typeof syscallRows;

export type SyscallFamily =
  | 'fd'
  | 'file'
  | 'identity'
  | 'ipc'
  | 'mem'
  | 'net'
  | 'process'
  | 'sched'
  | 'signal'
  | 'system'
  | 'time';

export interface Syscall {
  name: SyscallName;
  number: number;
  family: SyscallFamily;
  /** How it is made: see docs/syscalls.md. `rewritten` calls are judged again as `target`. */
  kind: 'pass' | 'emulate' | 'canon' | 'rewritten' | 'inguest' | 'deny' | 'absent';
  /** For older names: the call that does the same. */
  target: SyscallName | undefined;
  /** Names of the arguments, in order. */
  arguments: readonly string[];
}

let table: Map<SyscallName, Syscall> | undefined;

/** All calls by name, in the order of their numbers. */
export function syscalls(): ReadonlyMap<SyscallName, Syscall> {
  table ??= new Map(
    (Object.entries(syscallRows) as [SyscallName, string][]).map(([name, row]) => {
      const [number, kind, family, target, list] = row.split(' ') as [string, ...string[]];
      return [
        name,
        {
          name,
          number: Number(number),
          family: family as SyscallFamily,
          kind: kind as Syscall['kind'],
          target: target === '-' ? undefined : (target as SyscallName),
          arguments: list ? list.split(',') : [],
        },
      ];
    }),
  );
  return table;
}

export function isSyscall(name: unknown): name is SyscallName {
  return typeof name === 'string' && Object.hasOwn(syscallRows, name);
}

/** Those of openat2's open_how are judged on the gate's copy, in the places of pointers and unused registers (native/abi/policy.h). */
const judgedOpen: ReadonlyMap<string, number> = new Map([
  ['dirfd', 0],
  ['resolve', 2],
  ['size', 3],
  ['flags', 4],
  ['mode', 5],
]);

/** What a policy's conditions can look at, by name. */
export function judgedArguments(call: Syscall): ReadonlyMap<string, number> {
  if (call.name === 'openat2') return judgedOpen;
  return new Map(call.arguments.map((name, index) => [name, index]));
}
