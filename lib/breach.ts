/** A call of the host that a monitor was not allowed and tried: what the kernel told the supervisor, for people and programs. */
import type { BreachNotice } from './control.js';
import { SandboxError } from './errors.js';
import { isSyscall, type SyscallName, syscalls } from './syscalls.js';

export interface MonitorBreach {
  /** The monitor's process as seen from here; undefined when it was gone before it could be looked up. */
  pid: number | undefined;
  /** The same process and thread as the guest sees them. */
  guestPid: number | undefined;
  guestTid: number | undefined;
  /** The call of the host that was stopped; undefined when nothing is known of it. */
  syscall: SyscallName | `syscall_0x${string}` | undefined;
  number: number | undefined;
  /** AUDIT_ARCH_X86_64, or another when the call came by the kernel's 32-bit entry. */
  architecture: number | undefined;
  /** The registers, which somebody who has taken a monitor over can fill as he likes. */
  arguments: readonly bigint[];
  /** Where in the monitor. */
  instruction: bigint | undefined;
}

const native64 = 0xc000003e;
const remedy = 'If this is no attack it is a defect of barchan: please report it, with the program.';

function nameOf(number: number, architecture: number): MonitorBreach['syscall'] {
  if (architecture === native64)
    for (const call of syscalls().values()) if (call.number === number) return call.name;
  return `syscall_0x${(number >>> 0).toString(16)}`;
}

export function readBreach(notice: BreachNotice): MonitorBreach {
  const { call, arch } = notice;
  return {
    pid: notice.pid || undefined,
    guestPid: notice.guestPid || undefined,
    guestTid: notice.guestTid || undefined,
    syscall: call === undefined || arch === undefined ? undefined : nameOf(call, arch),
    number: call,
    architecture: arch,
    arguments: (notice.arguments ?? []).map(BigInt),
    instruction: notice.instruction === undefined ? undefined : BigInt(notice.instruction),
  };
}

/** `syscall(0x1, ...)`, as far as it is known. */
export function breachText({ syscall, arguments: words }: MonitorBreach): string {
  if (syscall === undefined) return 'a call that is not known';
  return `${syscall}(${words.map((word) => `0x${word.toString(16)}`).join(', ')})`;
}

export function breachError(breach?: MonitorBreach): SandboxError {
  const what =
    breach?.syscall === undefined ? 'a forbidden call' : `the forbidden call ${breachText(breach)}`;
  return new SandboxError('ERR_MONITOR_BREACH', `A monitor made ${what} of the host kernel`, {
    remedy,
    breach,
    syscall: isSyscall(breach?.syscall) ? breach.syscall : undefined,
  });
}
