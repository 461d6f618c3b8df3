/** One program in a sandbox of its own. */
import { isolationOptionNames } from './isolation.js';
import {
  type ExecOptions,
  type RunOptions,
  type SandboxOptions,
  validateArgv,
  validateOptions,
} from './options.js';
import { type ExecResult, mustNotBeAborted, Sandbox } from './sandbox.js';

const ofSandbox: ReadonlySet<string> = new Set([
  'chaos',
  'kvmDevice',
  'policy',
  'isolation',
  ...isolationOptionNames,
]);

/**
 * Like Sandbox.exec(), in a sandbox of its own; when it returns no process of the program is left. Rejects as
 * Sandbox.create() and Sandbox.exec() do.
 */
export function run(
  argv: readonly string[],
  options: RunOptions & { encoding: 'buffer' },
): Promise<ExecResult<Buffer>>;
export function run(
  argv: readonly string[],
  options?: RunOptions & { encoding?: 'utf8' | undefined },
): Promise<ExecResult>;
export function run(argv: readonly string[], options?: RunOptions): Promise<ExecResult<string | Buffer>>;
export async function run(
  argv: readonly string[],
  options: RunOptions = {},
): Promise<ExecResult<string | Buffer>> {
  validateArgv('run', argv);
  validateOptions('run', options);
  const own: SandboxOptions = {};
  const exec: ExecOptions = {};
  for (const [name, value] of Object.entries(options)) {
    Object.assign(ofSandbox.has(name) ? own : exec, { [name]: value });
  }
  mustNotBeAborted(argv[0], exec.signal);
  const box = await Sandbox.create(own);
  try {
    return await box.exec(argv, exec);
  } finally {
    await box.close();
  }
}
