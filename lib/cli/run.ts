/** barchan run */
import { imageProgram, launchOptions, sandboxOptions, spawnOptions } from './launch-options.js';
import { print } from './output.js';
import { splitCommand, usageError } from './usage.js';

export async function main(args: string[]): Promise<void> {
  const { values, command } = splitCommand('run', args, launchOptions);
  if (values.help) {
    const { help } = await import('./help.js');
    print(help('run'));
    return;
  }
  if (command.length === 0 && values.image === undefined)
    usageError('run: no program was given', 'Try: barchan run -- echo hello');
  const options = spawnOptions('run', values);
  const { runInForeground } = await import('./foreground.js');
  const ofImage = imageProgram('run', values, command);
  await runInForeground(command, options, await sandboxOptions('run', values), ofImage);
}
