/** Builds test/helpers/debuggee.c and knows where its symbols are. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const source = fileURLToPath(new URL('debuggee.c', import.meta.url));

export interface Debuggee {
  path: string;
  /** Of a program at a fixed place. */
  symbol(name: string): bigint;
}

export class Debuggees {
  readonly folder = mkdtempSync(join(tmpdir(), 'barchan-debuggee-'));
  readonly dynamic = this.#build('dynamic', ['-no-pie']);
  readonly fixed = this.#build('fixed', ['-static']);

  #build(name: string, flags: readonly string[]): Debuggee {
    const path = join(this.folder, name);
    execFileSync('gcc', ['-g', '-O1', '-pthread', '-w', ...flags, '-o', path, source]);
    const symbols = new Map(
      execFileSync('nm', [path], { encoding: 'utf8' })
        .split('\n')
        .map((line) => line.split(' '))
        .map(([address, , symbol]) => [symbol, address] as const),
    );
    return {
      path,
      symbol: (wanted) => {
        const address = symbols.get(wanted);
        if (!address) throw new Error(`${name} has no ${wanted}`);
        return BigInt(`0x${address}`);
      },
    };
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
