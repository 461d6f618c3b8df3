/** barchan trace */
import { openSync } from 'node:fs';
import { launchOptions, spawnOptions } from './launch-options.js';
import { complain, splitCommand, usageError } from './usage.js';

export async function main(args: string[]): Promise<void> {
  const { values, command } = splitCommand('trace', args, {
    ...launchOptions,
    output: { type: 'string', short: 'o' },
  });
  if (values.help) {
    const { help } = await import('./help.js');
    process.stdout.write(help('trace'));
    return;
  }
  if (command.length === 0) usageError('trace: no program was given', 'Try: barchan trace -- echo hello');
  const options = spawnOptions('trace', values);
  let traceFd = 2;
  if (values.output !== undefined) {
    try {
      traceFd = openSync(values.output, 'w');
    } catch (error) {
      complain(`cannot write the trace: ${(error as Error).message}`);
      process.exit(1);
    }
  }
  const { runInForeground } = await import('./foreground.js');
  await runInForeground(command, { ...options, traceFd }, values.device);
}
