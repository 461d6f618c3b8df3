/** One program in a sandbox of its own. */
import { type ExecOptions, type RunOptions, validateArgv, validateOptions } from './options.js';
import { type ExecResult, mustNotBeAborted, Sandbox } from './sandbox.js';

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
  const { kvmDevice, ...exec } = options;
  mustNotBeAborted(argv[0], exec.signal);
  const box = await Sandbox.create({ kvmDevice });
  try {
    return await box.exec(argv, exec as ExecOptions);
  } finally {
    await box.close();
  }
}
