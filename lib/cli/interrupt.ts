/** What a verb that has much to clean up does at Ctrl-C, kill and a hang-up. */
import { readFileSync } from 'node:fs';
import { signalNumber } from '../signals.js';
import { complain } from './output.js';

const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** Longer than anything takes that ends in order. */
const patienceMs = 60_000;

/** Those that whoever started this process had ignored, as nohup does, stay so. */
function ignored(): bigint {
  const mask = /^SigIgn:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1] ?? '0';
  return BigInt(`0x${mask}`);
}

export interface Interrupt {
  /** Aborted by the first signal. */
  signal: AbortSignal;
  /** For when all is cleaned up: exits with 128 and the signal's number if one has come, else lets signals act as before. */
  over(): void;
}

/**
 * From now on the first signal asks for an end, which is awaited for a minute; a second one exits at once, with what
 * process.on('exit') can still do.
 */
export function onInterrupt(verb: string): Interrupt {
  const ended = new AbortController();
  let status = 0;
  const mask = ignored();
  const taken = names.filter((name) => !(mask & (1n << BigInt((signalNumber(name) as number) - 1))));
  const take = (name: (typeof names)[number]): void => {
    if (ended.signal.aborted) process.exit(status);
    status = 128 + (signalNumber(name) as number);
    complain(`${verb}: ${name}: ending what runs`);
    // It holds the process, should nothing else do so.
    setTimeout(() => {
      complain(`${verb}: something does not end; the next run removes what is left`);
      process.exit(status);
    }, patienceMs);
    ended.abort(new Error(`interrupted by ${name}`));
  };
  for (const name of taken) process.on(name, take);
  return {
    signal: ended.signal,
    over: () => {
      if (ended.signal.aborted) process.exit(status);
      for (const name of taken) process.off(name, take);
    },
  };
}
