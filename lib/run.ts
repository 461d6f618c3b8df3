/** One program in a sandbox of its own. */
import { type ExecOptions, type RunOptions, validateOptions } from './options.js';
import { type ExecResult, Sandbox } from './sandbox.js';

/** Like Sandbox.exec(); when it returns no process of the program is left. */
export function run(
  argv: readonly string[],
  options: RunOptions & { encoding: 'buffer' },
): Promise<ExecResult<Buffer>>;
export function run(
  argv: readonly string[],
  options?: RunOptions & { encoding?: 'utf8' },
): Promise<ExecResult>;
export async function run(
  argv: readonly string[],
  options: RunOptions = {},
): Promise<ExecResult<string | Buffer>> {
  validateOptions('run', options);
  const { kvmDevice, ...exec } = options;
  const box = await Sandbox.create({ kvmDevice });
  try {
    return await box.exec(argv, exec as ExecOptions);
  } finally {
    await box.close();
  }
}
