/** Writes the `input` option to a program's standard input. */
import { Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { logger } from './debug.js';
import { SandboxError } from './errors.js';
import type { Input } from './options.js';

const log = logger('input');

async function* checked(input: Exclude<Input, string | Uint8Array>): AsyncGenerator<string | Uint8Array> {
  for await (const chunk of input) {
    if (typeof chunk !== 'string' && !(chunk instanceof Uint8Array)) {
      throw new SandboxError('ERR_INVALID_OPTION', `options.input gave a ${typeof chunk}`, {
        path: 'options.input',
        value: chunk,
        remedy: 'Let it give strings and Uint8Arrays only.',
      });
    }
    yield chunk;
  }
}

/**
 * Writes all of `input` and closes `stdin`. That `stdin` closes before is no error: a program need not read its
 * input. Calls `failed` with ERR_INPUT or ERR_INVALID_OPTION when the source throws or gives something else than
 * bytes. A stream is destroyed in any case, an iterator returned.
 */
export function feed(stdin: Writable, input: Input | undefined, failed: (error: SandboxError) => void): void {
  stdin.on('error', (error) => log('%s', error.message)); // EPIPE
  if (input === undefined || typeof input === 'string' || input instanceof Uint8Array) {
    stdin.end(input);
    return;
  }
  const source = Readable.from(checked(input));
  source.once('error', (cause: unknown) => {
    if (stdin.destroyed) return; // the pipeline ended it
    const why = cause instanceof Error ? cause.message : String(cause);
    failed(
      cause instanceof SandboxError
        ? cause
        : new SandboxError('ERR_INPUT', `Cannot read options.input: ${why}`, { cause }),
    );
  });
  // Before the pipeline does it, which would make the caller's stream emit an AbortError.
  const destroy = (): void => {
    if (input instanceof Readable) input.destroy();
  };
  stdin.once('error', destroy).once('close', destroy);
  pipeline(source, stdin).catch((error: Error) => log('%s', error.message));
}
