/** barchan ps */
import { print } from './output.js';
import { usageError } from './usage.js';

function age(seconds: number): string {
  const whole = Math.floor(seconds);
  const [days, hours, minutes] = [
    Math.floor(whole / 86400),
    Math.floor(whole / 3600) % 24,
    Math.floor(whole / 60) % 60,
  ];
  const two = (value: number): string => String(value).padStart(2, '0');
  const clock = `${two(hours)}:${two(minutes)}:${two(whole % 60)}`;
  return days > 0 ? `${days}d ${clock}` : clock;
}

export async function main(args: string[]): Promise<void> {
  if (args.includes('--help') || args.includes('-h')) {
    const { help } = await import('./help.js');
    print(help('ps'));
    return;
  }
  const wrong = args.find((word) => word !== '--json');
  if (wrong !== undefined) usageError(`ps: ${JSON.stringify(wrong)} is not expected`, 'Try: barchan help ps');
  const [{ runningPrograms }, { asciiJson, printable }] = await Promise.all([
    import('../running.js'),
    import('../printable.js'),
  ]);
  const programs = runningPrograms();
  if (args.includes('--json')) {
    print(asciiJson({ barchanPs: 1, programs }));
    return;
  }
  const rows = [
    ['PID', 'OWNER', 'AGE', 'ISOLATION', 'POLICY', 'PROCESSES', 'COMMAND'],
    ...programs.map((one) => [
      String(one.pid),
      String(one.owner),
      age(one.ageSeconds),
      one.isolation,
      one.policy,
      String(one.processes),
      printable(one.command.join(' ')).slice(0, 200),
    ]),
  ];
  const widths = (rows[0] as string[]).map((_, i) =>
    Math.max(...rows.map((row) => (row[i] as string).length)),
  );
  const lines = rows.map((row) =>
    row
      .map((text, i) => (i === row.length - 1 ? text : text.padEnd(widths[i] as number)))
      .join('  ')
      .trimEnd(),
  );
  print(`${lines.join('\n')}\n`);
}
