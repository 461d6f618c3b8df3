import { once } from 'node:events';
import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { Capture } from '../../lib/capture.js';

describe('capture', () => {
  it('is done when its stream had closed before', async () => {
    const stream = new Readable({ read() {} });
    stream.push(null);
    stream.resume();
    await once(stream, 'close');
    const capture = new Capture(stream, 10, () => {});
    await capture.done;
    expect(capture.bytes()).toHaveLength(0);
  });

  it('keeps what fits, and says once that there was more', async () => {
    let overflows = 0;
    const stream = Readable.from([Buffer.from('abc'), Buffer.from('def'), Buffer.from('ghi')], {
      objectMode: false,
    });
    const capture = new Capture(stream, 4, () => overflows++);
    await capture.done;
    expect([capture.bytes().toString(), capture.received, capture.truncated, overflows]).toEqual([
      'abcd',
      9,
      true,
      1,
    ]);
  });
});
