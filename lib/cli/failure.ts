/** What a verb threw, told to who gave the command. */
import { SandboxError } from '../errors.js';
import { complain } from './output.js';
import { statuses, statusOf } from './status.js';

/** The library speaks of its options; who gave flags wants to read of those. */
const flags: Partial<Record<string, string>> = {
  'options.cwd': '--cwd',
  'options.env.': '--env',
  'options.timeoutMs': '--timeout',
  'options.argv0': '--argv0',
  'options.kvmDevice': '--device',
};

export function explainAndExit(verb: string, error: unknown): never {
  if (error instanceof SandboxError) {
    const { code, message, path } = error;
    const flag = path === undefined ? undefined : flags[path];
    complain(flag ? message.replace(/^\S+ options\.\S+/, `${verb}: ${flag}`) : message);
    process.exit(statusOf(code));
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  complain(`this is a defect, please report it: ${text}`);
  process.exit(statuses.failure);
}
