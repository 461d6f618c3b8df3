/** barchan policy */
import { usageError } from './usage.js';

export async function main(args: string[]): Promise<void> {
  const [action, ...rest] = args;
  const words = rest.filter((word) => word !== '--json');
  if (action === undefined || action === '--help' || action === '-h') {
    const { help } = await import('./help.js');
    process.stdout.write(help('policy'));
    return;
  }
  if (action === 'learn') {
    const learn = await import('./learn.js');
    return learn.main(rest);
  }
  if (action !== 'show')
    usageError(`policy: there is no ${JSON.stringify(action)}`, 'Try: barchan policy show default');
  const [name = 'default', ...more] = words;
  if (name.startsWith('-') || more.length > 0) {
    usageError(`policy show: ${JSON.stringify(more[0] ?? name)} is not expected`, 'Try: barchan help policy');
  }
  const { readPolicy } = await import('./policy-file.js');
  const policy = readPolicy('policy show', name);
  const [{ reachableHostCalls }, { passingCalls }] = await Promise.all([
    import('../policy-reach.js'),
    import('../policy-blob.js'),
  ]);
  const guest = passingCalls(policy.toJSON());
  const host = await reachableHostCalls(policy);
  if (rest.includes('--json')) {
    process.stdout.write(`${JSON.stringify({ policy, guestCalls: guest, hostCalls: host }, undefined, 2)}\n`);
    return;
  }
  process.stdout.write(
    [
      `Calls that a guest may make (some only with certain arguments): ${guest.length}`,
      ...columns(guest),
      `Calls of the host kernel that this can cause: ${host.length}`,
      ...columns(host),
      '',
    ].join('\n'),
  );
}

const lineWidth = 100;

function columns(names: readonly string[]): string[] {
  const lines: string[] = [];
  let line = ' ';
  for (const name of names) {
    if (line.length + 1 + name.length > lineWidth) {
      lines.push(line);
      line = ' ';
    }
    line += ` ${name}`;
  }
  return [...lines, line];
}
