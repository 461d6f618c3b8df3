/** barchan trace */
import { openSync } from 'node:fs';
import { imageProgram, launchOptions, sandboxOptions, spawnOptions } from './launch-options.js';
import { complain, print } from './output.js';
import { statuses } from './status.js';
import { splitCommand, usageError } from './usage.js';

export async function main(args: string[]): Promise<void> {
  const { values, command } = splitCommand('trace', args, {
    ...launchOptions,
    output: { type: 'string', short: 'o' },
  });
  if (values.help) {
    const { help } = await import('./help.js');
    print(help('trace'));
    return;
  }
  if (command.length === 0 && values.image === undefined)
    usageError('trace: no program was given', 'Try: barchan trace -- echo hello');
  const options = spawnOptions('trace', values);
  const { runInForeground } = await import('./foreground.js');
  let traceFd = 2;
  if (values.output !== undefined) {
    try {
      traceFd = openSync(values.output, 'w');
    } catch (error) {
      complain(`trace: cannot write to --output ${values.output}: ${(error as Error).message}`);
      process.exit(statuses.failure);
    }
  }
  const ofImage = imageProgram('trace', values, command);
  await runInForeground(command, { ...options, traceFd }, await sandboxOptions('trace', values), ofImage);
}
