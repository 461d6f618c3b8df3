/** barchan doctor */
import { type DoctorCheck, type DoctorReport, doctor } from '../doctor.js';
import type { SandboxCheck } from '../doctor-sandbox.js';
import { print } from './output.js';
import { splitCommand, usageError } from './usage.js';

const options = {
  json: { type: 'boolean' },
  device: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const;

export async function main(args: string[]): Promise<void> {
  const { values, command } = splitCommand('doctor', args, options);
  if (values.help) {
    const { help } = await import('./help.js');
    print(help('doctor'));
    return;
  }
  if (command.length > 0) {
    usageError(`doctor: ${JSON.stringify(command[0])} is not expected`, 'Try: barchan help doctor');
  }
  const report = await doctor({ kvmDevice: values.device });
  print(values.json ? `${JSON.stringify(report, undefined, 2)}\n` : describe(report));
  process.exitCode = report.ok ? 0 : 1;
}

function describe(report: DoctorReport): string {
  const show =
    (bad: string) =>
    ({ name, ok, found, remedy }: DoctorCheck | SandboxCheck) => [
      `${ok ? 'ok  ' : bad}  ${name.padEnd(9)}  ${found}`,
      ...(remedy ? [`      ${' '.repeat(9)}  -> ${remedy}`] : []),
    ];
  const lines = [
    ...report.checks.flatMap(show('FAIL')),
    ...(report.sandbox?.checks ?? []).flatMap(show('no  ')),
  ];
  const { kind, paging } = report.kvm;
  return [
    `barchan ${report.version}`,
    ...lines,
    `KVM: ${kind}, paging: ${paging}, entry mode: ${report.entryMode ?? 'unknown'}`,
    report.ok ? 'Programs can be run here.' : 'Programs cannot be run here.',
    ...(report.sandbox?.ok === false ? ['They cannot be isolated here.'] : []),
    '',
  ].join('\n');
}
