/**
 * DEBUG=barchan:* switches the package's log on; without DEBUG the `debug` package is not even loaded.
 */
export type Log = (format: string, ...values: unknown[]) => void;

const make = process.env.DEBUG ? (await import('debug')).default : undefined;

export function logger(area: string): Log {
  return make ? make(`barchan:${area}`) : () => {};
}
