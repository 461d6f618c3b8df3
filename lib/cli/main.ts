#!/usr/bin/env node
// The command line: picks the verb and loads only that verb's code.
import { usageError } from './usage.js';

interface Verb {
  main(args: string[]): Promise<void>;
}

const verbs: Record<string, () => Promise<Verb>> = {
  run: () => import('./run.js'),
  trace: () => import('./trace.js'),
  doctor: () => import('./doctor.js'),
};

const [name, ...args] = process.argv.slice(2);
if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
  const { help } = await import('./help.js');
  process.stdout.write(help(args[0]));
  if (name === undefined) process.exitCode = 2;
} else if (name === '--version' || name === '-V') {
  const { version } = await import('../version.js');
  process.stdout.write(`${version}\n`);
} else {
  const load = Object.hasOwn(verbs, name) ? verbs[name] : undefined;
  if (load) await (await load()).main(args);
  else usageError(`there is no command ${JSON.stringify(name)}`, 'Commands are: run, trace, doctor.');
}
