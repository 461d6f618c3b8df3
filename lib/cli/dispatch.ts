// The command line: picks the verb and loads only that verb's code.
import { writeSync } from 'node:fs';

interface Verb {
  main(args: string[]): Promise<void>;
}

const verbs: Record<string, () => Promise<Verb>> = {
  run: () => import('./run.js'),
  trace: () => import('./trace.js'),
  debug: () => import('./debug.js'),
  image: () => import('./image.js'),
  audit: () => import('./audit.js'),
  chaos: () => import('./chaos.js'),
  ps: () => import('./ps.js'),
  harness: () => import('./harness.js'),
  doctor: () => import('./doctor.js'),
  policy: () => import('./policy.js'),
  install: () => import('./install.js'),
  uninstall: () => import('./uninstall.js'),
  help: () => import('./help.js'),
  version: () => import('./version.js'),
};
const shortcuts: Record<string, string> = {
  '--help': 'help',
  '-h': 'help',
  '--version': 'version',
  '-V': 'version',
};

async function main(word: string | undefined, args: string[]): Promise<void> {
  const { usageError } = await import('./usage.js');
  if (word === undefined) return usageError('no command was given', 'Try: barchan help');
  const name = Object.hasOwn(shortcuts, word) ? (shortcuts[word] as string) : word;
  const load = Object.hasOwn(verbs, name) ? verbs[name] : undefined;
  if (!load) {
    const names = Object.keys(verbs).join(', ');
    return usageError(`there is no command ${JSON.stringify(name)}`, `Commands are: ${names}.`);
  }
  const verb = await load();
  try {
    await verb.main(args);
  } catch (error) {
    const { explainAndExit } = await import('./failure.js');
    explainAndExit(name, error);
  }
}

const [word, ...args] = process.argv.slice(2);
// Nothing is left that could settle what is awaited below. Node would end with a status of its own, 13.
process.once('beforeExit', () => {
  if (over) return;
  writeSync(2, `barchan: this is a defect, please report it: ${word} waits for what cannot come\n`);
  process.exit(125);
});
let over = false;
try {
  await main(word, args);
} catch (error) {
  // A part of the program could not be loaded: there may be no descriptor left to read it.
  const { code, message } = error as NodeJS.ErrnoException;
  const remedy = code === 'EMFILE' ? ' Raise the limit on open files (ulimit -n) to 128 or more.' : '';
  writeSync(2, `barchan: cannot start: ${message}.${remedy}\n`);
  process.exit(125);
} finally {
  over = true;
}
