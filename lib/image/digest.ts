/** Digests as the OCI's image specification has them ("Digests" in descriptor.md), and streams that are checked by them. */
import { createHash, type Hash } from 'node:crypto';
import { invalid, show } from './errors.js';

const lengths: Record<string, number> = { sha256: 64, sha512: 128 };

export interface Digest {
  algorithm: 'sha256' | 'sha512';
  hex: string;
  text: string;
}

/** Throws ERR_IMAGE_INVALID: its parts become names of files. */
export function parseDigest(text: unknown): Digest {
  const [, algorithm = '', hex = ''] =
    (typeof text === 'string' && /^([a-z0-9]+):([0-9a-f]+)$/.exec(text)) || [];
  if (!Object.hasOwn(lengths, algorithm) || hex.length !== lengths[algorithm])
    throw invalid(`${typeof text === 'string' ? show(text) : String(text)} is no sha256 or sha512 digest`);
  return { algorithm, hex, text: `${algorithm}:${hex}` } as Digest;
}

export function mustMatch(digest: Digest, hash: Hash, what: string): void {
  const found = hash.digest('hex');
  if (found !== digest.hex)
    throw invalid(`${what} is not what its digest says: ${digest.text} is ${digest.algorithm}:${found}`);
}

export const hashFor = (digest: Digest): Hash => createHash(digest.algorithm);

/** Passes bytes on and shows each chunk to `look` before. */
export async function* watched(
  stream: AsyncIterable<Buffer>,
  look: (chunk: Buffer) => void,
): AsyncGenerator<Buffer> {
  for await (const chunk of stream) {
    look(chunk);
    yield chunk;
  }
}
