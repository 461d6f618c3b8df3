/** barchan policy learn */
import {
  closeSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import type { PolicyDescription } from '../policy.js';
import { PolicyLearner } from '../policy-learn.js';
import type { ProcessExit } from '../process.js';
import type { Sandbox } from '../sandbox.js';
import { imageProgram, launchOptions, sandboxOptions, spawnOptions } from './launch-options.js';
import { complain, print } from './output.js';
import { statuses } from './status.js';
import { splitCommand, usageError } from './usage.js';

const text = (learner: PolicyLearner): string => `${JSON.stringify(learner.policy(), undefined, 2)}\n`;

function fail(error: unknown, file: string | undefined): never {
  complain(`policy learn: cannot write to ${file}: ${(error as Error).message}`);
  process.exit(statuses.failure);
}

/** With the policy in the file, if there is one yet; closes it. */
function widen(learner: PolicyLearner, _file: string, fd: number): void {
  try {
    const earlier = readFileSync(fd, 'utf8');
    if (earlier !== '') learner.widen(JSON.parse(earlier) as PolicyDescription);
  } finally {
    closeSync(fd);
  }
}

/** Reads the file again: another run may have widened it meanwhile. It is replaced whole, or stays as it is. */
function save(learner: PolicyLearner, file: string): void {
  try {
    const target = realpathSync(file);
    widen(learner, target, openSync(target, 'r'));
    const fresh = `${target}.${process.pid}`;
    writeFileSync(fresh, text(learner), { mode: statSync(target).mode & 0o777, flag: 'wx' });
    try {
      renameSync(fresh, target);
    } catch (error) {
      rmSync(fresh, { force: true });
      throw error;
    }
  } catch (error) {
    fail(error, file);
  }
}

export async function main(args: string[]): Promise<void> {
  const { values, command } = splitCommand('policy learn', args, {
    ...launchOptions,
    output: { type: 'string', short: 'o' },
    into: { type: 'string' },
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
  const { into } = values;
  if (into !== undefined && values.output !== undefined)
    usageError('policy learn: --into and --output exclude each other', 'Try: barchan help policy');
  let output = 1;
  try {
    // So that a run is not for nothing.
    if (into !== undefined) widen(new PolicyLearner(), into, openSync(into, 'a+', 0o666));
    else if (values.output !== undefined) output = openSync(values.output, 'w');
  } catch (error) {
    fail(error, values.output ?? into);
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
        if (into === undefined) writeFileSync(output, text(learner));
        else save(learner, into);
      },
    },
  );
}
