/**
 * DEBUG=barchan:* switches the package's log on; without DEBUG the `debug` package is not even loaded.
 * Loaded by require(), as a top-level await would keep CommonJS programs from loading this package.
 */
import { createRequire } from 'node:module';

export type Log = (format: string, ...values: unknown[]) => void;

const make = process.env.DEBUG
  ? (createRequire(import.meta.url)('debug') as (namespace: string) => Log)
  : undefined;

export function logger(area: string): Log {
  return make ? make(`barchan:${area}`) : () => {};
}
