/** Mistakes on the command line, and verb options. */
import { type ParseArgsConfig, parseArgs } from 'node:util';
import { complain } from './output.js';
import { statuses } from './status.js';

export function usageError(problem: string, hint: string): never {
  complain(`${problem}\n${hint}`);
  process.exit(statuses.usage);
}

type Options = NonNullable<ParseArgsConfig['options']>;

/**
 * Splits `args` at the first word that is no option (or at --): what comes before are the verb's options,
 * what follows is the guest's command, never looked into.
 */
export function splitCommand<T extends Options>(
  verb: string,
  args: readonly string[],
  options: T,
): { values: ReturnType<typeof parseArgs<{ options: T }>>['values']; command: string[] } {
  let end = 0;
  while (end < args.length) {
    const word = args[end] as string;
    if (word === '--' || !word.startsWith('-') || word === '-') break;
    end += takesValue(word, options) ? 2 : 1;
  }
  const command = args.slice(args[end] === '--' ? end + 1 : end);
  try {
    const { values } = parseArgs({
      args: args.slice(0, end),
      options,
      strict: true,
      allowPositionals: false,
    });
    return { values, command };
  } catch (error) {
    const [problem = ''] = (error as Error).message.split('. ');
    return usageError(`${verb}: ${problem}`, `Try: barchan help ${verb}`);
  }
}

/** Is the next word this option's value? */
function takesValue(word: string, options: Options): boolean {
  if (word.includes('=')) return false;
  const long = word.startsWith('--');
  for (const [name, option] of Object.entries(options)) {
    if (option.type !== 'string') continue;
    if (long ? word === `--${name}` : option.short !== undefined && word === `-${option.short}`) return true;
  }
  return false;
}
