/** barchan version */
import { version } from '../version.js';
import { print } from './output.js';
import { usageError } from './usage.js';

export async function main(args: string[]): Promise<void> {
  if (args.length > 0) usageError(`version: ${JSON.stringify(args[0])} is not expected`, 'Try: barchan help');
  print(`${version}\n`);
}
