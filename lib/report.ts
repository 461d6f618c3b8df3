/** The monitor's one structured line (native/abi/start.h) as an error. */
import { breachError } from './breach.js';
import { type ErrorCode, errnoText, errorCodes, SandboxError } from './errors.js';

interface Report {
  code: string;
  errno?: number;
  what?: string;
  path?: string;
}

// Exit statuses that a monitor uses for its own failures; a guest may use them too, without a report.
const startFailed = 125;
const notFound = 127;

const remedies: Partial<Record<ErrorCode, string>> = {
  ERR_MONITOR_CRASH:
    'This is a defect of barchan: please report it with the output of "barchan doctor --json".',
  ERR_MONITOR_MEMORY:
    'Free memory, or raise the limits of this process and its cgroup (ulimit -v, memory.max).',
  ERR_MONITOR_CONFINE: 'A policy needs a host kernel with CONFIG_SECCOMP_FILTER.',
  ERR_MONITOR_CONFIG: 'Run "barchan doctor" to see what is missing.',
};

function parse(text: string): Report | undefined {
  for (const line of text.split('\n')) {
    try {
      const report = JSON.parse(line) as Report | null;
      if (typeof report?.code === 'string') return report;
    } catch {
      // Not a whole line: a monitor was killed while it wrote.
    }
  }
  return undefined;
}

/**
 * ERR_MONITOR_BREACH when the host's kernel, which has no listener for its filters, has killed the first monitor for a call that its policy cannot cause. A program that
 * dies by SIGSYS of its own accord says so first.
 */
export function deathByFilter(text: string, signal: string): SandboxError | undefined {
  if (signal !== 'SIGSYS' || text.includes('{"died":31}\n')) return undefined;
  return breachError();
}

/** Returns undefined when the monitor has reported nothing, so that the exit status is the guest's own. */
export function reportedFailure(text: string, exitCode: number | null): SandboxError | undefined {
  if (exitCode === null || exitCode < startFailed || exitCode > notFound) return undefined;
  const report = parse(text);
  if (!report) return undefined;
  const code = (errorCodes as readonly string[]).includes(report.code)
    ? (report.code as ErrorCode)
    : 'ERR_MONITOR_CRASH';
  const parts = [report.what, report.path, report.errno ? errnoText(report.errno) : undefined];
  const message = parts.filter(Boolean).join(': ') || 'The monitor failed';
  return new SandboxError(code, message[0]?.toUpperCase() + message.slice(1), {
    path: report.path,
    errno: report.errno,
    remedy: remedies[code],
  });
}
