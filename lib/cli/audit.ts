/** barchan audit */
import { openSync, writeFileSync } from 'node:fs';
import { Audit, auditedCalls } from '../audit.js';
import type { ProcessExit } from '../process.js';
import type { Sandbox } from '../sandbox.js';
import { imageProgram, launchOptions, sandboxOptions, spawnOptions } from './launch-options.js';
import { complain, print } from './output.js';
import { statuses } from './status.js';
import { splitCommand, usageError } from './usage.js';

/** Opened before the program runs, so that it is not run for nothing. */
function openReport(verb: string, file: string): number {
  try {
    return openSync(file, 'w');
  } catch (error) {
    complain(`${verb}: cannot write to ${file}: ${(error as Error).message}`);
    process.exit(statuses.failure);
  }
}

export async function main(args: string[]): Promise<void> {
  const { values, command } = splitCommand('audit', args, {
    ...launchOptions,
    json: { type: 'boolean' },
    html: { type: 'string' },
    output: { type: 'string', short: 'o' },
  });
  if (values.help) {
    const { help } = await import('./help.js');
    print(help('audit'));
    return;
  }
  if (command.length === 0 && values.image === undefined)
    usageError('audit: no program was given', 'Try: barchan audit -- echo hello');
  const output = values.output === undefined ? 2 : openReport('audit', values.output);
  const page = values.html === undefined ? undefined : openReport('audit', values.html);
  const options = { ...spawnOptions('audit', values), keepBackground: false };
  const sandbox = await sandboxOptions('audit', values);
  const audit = new Audit(command, options.cwd ?? process.cwd());
  const { runInForeground } = await import('./foreground.js');
  await runInForeground(
    command,
    options,
    { ...sandbox, events: { slots: 4096, backpressure: 'block' } },
    imageProgram('audit', values, command),
    {
      begin(box: Sandbox): void {
        const take = audit.take.bind(audit);
        for (const kind of ['exec', 'fork', 'exit', 'fault', 'limit', 'violation'] as const)
          box.on(kind, take);
        box.on('syscall', take, { syscalls: auditedCalls() });
      },
      async end(box: Sandbox, exit: ProcessExit): Promise<void> {
        const report = audit.report(exit, box.eventCounters);
        const { auditJson, auditText } = await import('../audit-text.js');
        if (page !== undefined) {
          const { auditHtml } = await import('../audit-html.js');
          writeFileSync(page, auditHtml(report));
        }
        if (values.json) writeFileSync(output, auditJson(report));
        else if (page === undefined || values.output !== undefined) writeFileSync(output, auditText(report));
      },
    },
  );
}
