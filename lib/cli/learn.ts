/** barchan policy learn */
import { openSync, writeFileSync } from 'node:fs';
import { PolicyLearner } from '../policy-learn.js';
import type { ProcessExit } from '../process.js';
import type { Sandbox } from '../sandbox.js';
import { imageProgram, launchOptions, sandboxOptions, spawnOptions } from './launch-options.js';
import { complain, print } from './output.js';
import { statuses } from './status.js';
import { splitCommand, usageError } from './usage.js';

export async function main(args: string[]): Promise<void> {
  const { values, command } = splitCommand('policy learn', args, {
    ...launchOptions,
    output: { type: 'string', short: 'o' },
  });
  if (values.help) {
    const { help } = await import('./help.js');
    print(help('policy'));
    return;
  }
  if (command.length === 0 && values.image === undefined)
    usageError(
      'policy learn: no program was given',
      'Try: barchan policy learn -o policy.json -- echo hello',
    );
  let output = 1;
  if (values.output !== undefined) {
    try {
      output = openSync(values.output, 'w');
    } catch (error) {
      complain(`policy learn: cannot write to ${values.output}: ${(error as Error).message}`);
      process.exit(statuses.failure);
    }
  }
  const options = { ...spawnOptions('policy learn', values), keepBackground: false };
  // What the gate itself lets through, unless something narrower is to be narrowed further.
  const sandbox = { ...(await sandboxOptions('policy learn', values)) };
  sandbox.policy ??= 'compat';
  const learner = new PolicyLearner();
  const { runInForeground } = await import('./foreground.js');
  await runInForeground(
    command,
    options,
    { ...sandbox, events: { slots: 4096, backpressure: 'block' } },
    imageProgram('policy learn', values, command),
    {
      begin(box: Sandbox): void {
        box.on('syscall', (event) => {
          if (event.verdict !== 'deny' && event.verdict !== 'kill') learner.take(event);
        });
      },
      async end(box: Sandbox, exit: ProcessExit): Promise<void> {
        const { dropped, lost, malformed } = box.eventCounters;
        if (dropped + lost + malformed > 0)
          complain(
            `policy learn: ${dropped + lost + malformed} calls were missed, the policy may be too narrow`,
          );
        if (exit.exitCode !== 0)
          complain('policy learn: the program failed, so that the policy may be one for its failure');
        writeFileSync(output, `${JSON.stringify(learner.policy(), undefined, 2)}\n`);
      },
    },
  );
}
