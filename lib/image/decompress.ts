/** What a layer or an archive is compressed with, told by its first bytes, and its bytes without that. */
import { pipeline, Readable, type Transform } from 'node:stream';
import * as zlib from 'node:zlib';
import { invalid, unsupported } from './errors.js';

const magics = [
  ['gzip', '1f8b'],
  ['zstd', '28b52ffd'],
  ['bzip2', '425a68'],
  ['xz', 'fd377a585a00'],
] as const;

function decompressor(first: Buffer): Transform | undefined {
  // A plain archive begins with a name, which may be like any of these.
  if (first.toString('latin1', 257, 262) === 'ustar') return undefined;
  const head = first.toString('hex', 0, 6);
  const [kind] = magics.find(([, magic]) => head.startsWith(magic)) ?? [];
  if (kind === undefined) return undefined;
  if (kind === 'gzip') return zlib.createGunzip({ chunkSize: 256 * 1024 });
  const zstd = (zlib as { createZstdDecompress?: (options: object) => Transform }).createZstdDecompress;
  if (kind === 'zstd' && zstd) return zstd({ chunkSize: 256 * 1024 });
  throw unsupported(
    `it is compressed with ${kind}`,
    kind === 'zstd'
      ? 'Use Node.js 22.15 or later, or copy it with: skopeo copy --dest-compress-format gzip --dest-force-compress-format ...'
      : 'Copy it with: skopeo copy --dest-compress-format gzip --dest-force-compress-format ...',
  );
}

/** Throws ERR_IMAGE_INVALID for damaged bytes, and what `stream` throws. */
export async function* decompress(stream: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const chunks = stream[Symbol.asyncIterator]();
  const { value: first, done } = await chunks.next();
  if (done) return;
  async function* all(): AsyncGenerator<Buffer> {
    try {
      yield first;
      for (;;) {
        const next = await chunks.next();
        if (next.done) return;
        yield next.value;
      }
    } finally {
      await chunks.return?.();
    }
  }
  const transform = decompressor(first);
  if (!transform) {
    yield* all();
    return;
  }
  pipeline(Readable.from(all(), { objectMode: false, highWaterMark: 1 << 18 }), transform, () => {});
  try {
    yield* transform;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code?.startsWith('Z_') || code?.startsWith('ZSTD_') || code === 'ERR_STREAM_PREMATURE_CLOSE')
      throw invalid(`compressed bytes are damaged: ${(error as Error).message}`, error);
    throw error;
  } finally {
    transform.destroy();
  }
}
