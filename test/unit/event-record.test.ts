/** Records of events: what is right is read, and nothing else does harm. */
import { describe, expect, it } from 'vitest';
import { decodeRecord, MalformedRecord, socketAddress } from '../../lib/event-record.js';
import { html, printable, quoted } from '../../lib/printable.js';

interface Piece {
  index: number;
  type: number;
  bytes: Buffer | string;
  truncated?: boolean;
}

function record(
  fields: {
    kind: number;
    verdict?: number;
    flags?: number;
    number?: number;
    result?: bigint;
    argument?: bigint[];
  },
  pieces: Piece[] = [],
): Buffer {
  const head = Buffer.alloc(104);
  head.writeUInt8(fields.kind, 4);
  head.writeUInt8(fields.verdict ?? 0, 5);
  head.writeUInt8(fields.flags ?? 0, 6);
  head.writeUInt8(pieces.length, 7);
  head.writeBigUInt64LE(7n, 16);
  head.writeBigUInt64LE(1_700_000_000_000_500n, 24);
  head.writeInt32LE(12, 32);
  head.writeInt32LE(13, 36);
  head.writeUInt32LE(3, 40);
  head.writeUInt32LE(fields.number ?? 0, 44);
  fields.argument?.forEach((value, i) => {
    head.writeBigUInt64LE(BigInt.asUintN(64, value), 48 + 8 * i);
  });
  head.writeBigInt64LE(fields.result ?? 0n, 96);
  const parts = pieces.map(({ index, type, bytes, truncated }) => {
    const body = Buffer.from(bytes as string);
    const piece = Buffer.alloc((8 + body.length + 3) & ~3);
    piece.set([index, type, truncated ? 1 : 0]);
    piece.writeUInt16LE(body.length, 4);
    piece.set(body, 8);
    return piece;
  });
  const whole = Buffer.concat([head, ...parts]);
  whole.writeUInt32LE(whole.length, 0);
  return whole;
}

const open = 2;

describe('decodeRecord', () => {
  it('reads a call with its arguments', () => {
    const bytes = record({ kind: 1, number: open, result: -2n, flags: 4, argument: [0x1000n, 0n, 0n] }, [
      { index: 0, type: 2, bytes: Buffer.from([0x2f, 0xff, 0x0a]), truncated: true },
      { index: 1, type: 1, bytes: 'O_RDONLY' },
    ]);
    expect(decodeRecord(bytes)).toEqual({
      kind: 'syscall',
      sequence: 7,
      time: 1_700_000_000_000.5,
      pid: 12,
      tid: 13,
      program: 3,
      first: true,
      syscall: 'open',
      number: 2,
      verdict: 'allow',
      interrupted: false,
      result: undefined,
      errno: 'ENOENT',
      arguments: [
        { name: 'path', value: 0x1000n, text: '"/\\377\\n"...', string: '/\ufffd\n', truncated: true },
        { name: 'flags', value: 0n, text: 'O_RDONLY' },
      ],
      text: 'open("/\\377\\n"..., O_RDONLY) = -1 ENOENT',
    });
  });

  it('knows results, interruptions and calls that do not return', () => {
    const call = (fields: object) => decodeRecord(record({ kind: 1, number: 39, ...fields }));
    expect(call({ result: 5n })).toMatchObject({ result: 5n, text: 'getpid() = 5' });
    expect(call({ flags: 1 })).toMatchObject({ result: undefined, errno: undefined, text: 'getpid() = ?' });
    expect(call({ flags: 2, result: -512n })).toMatchObject({
      interrupted: true,
      result: undefined,
      errno: undefined,
    });
    expect(call({ flags: 8, result: 0x7f00n })).toMatchObject({ text: 'getpid() = 0x7f00' });
    expect(call({ result: -4095n })).toMatchObject({ errno: 'errno 4095' });
    expect(call({ result: -4096n })).toMatchObject({ errno: undefined, result: 2n ** 64n - 4096n });
  });

  it.each([
    ['a short record', record({ kind: 1 }).subarray(0, 100)],
    ['no kind', record({ kind: 0 })],
    ['an unknown kind', record({ kind: 99 })],
    ['an unknown verdict', record({ kind: 1, verdict: 9 })],
    [
      'a piece past the end',
      (() => {
        const bytes = record({ kind: 1 });
        bytes.writeUInt8(1, 7);
        return bytes;
      })(),
    ],
    [
      'a piece that is too long',
      (() => {
        const bytes = record({ kind: 1, number: open }, [{ index: 0, type: 2, bytes: 'abc' }]);
        bytes.writeUInt16LE(60000, 108);
        return bytes;
      })(),
    ],
    ['a piece of no argument', record({ kind: 1, number: open }, [{ index: 6, type: 2, bytes: '' }])],
    ['a piece of no type', record({ kind: 1, number: open }, [{ index: 0, type: 9, bytes: '' }])],
    ['strings without an end', record({ kind: 1, number: 59 }, [{ index: 1, type: 3, bytes: 'a\0b' }])],
    [
      'a text that acts on terminals',
      record({ kind: 1, number: open }, [{ index: 1, type: 1, bytes: '\u001b[2J' }]),
    ],
    ['an exec without a program', record({ kind: 2 })],
    [
      'an exec whose program is no string',
      record({ kind: 2 }, [
        { index: 0, type: 1, bytes: 'x' },
        { index: 1, type: 3, bytes: '' },
      ]),
    ],
    ['a signal past 64', record({ kind: 6, argument: [65n] })],
    ['a death by signal 200', record({ kind: 4, argument: [0n, 200n] })],
    ['an unknown limit', record({ kind: 7, argument: [9n] })],
  ])('refuses %s', (_, bytes) => {
    expect(() => decodeRecord(bytes)).toThrow(MalformedRecord);
  });

  it('gives an event or refuses, whatever the bytes are', () => {
    let seed = 12345;
    const random = (below: number): number => {
      seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
      return (seed >>> 8) % below;
    };
    let read = 0;
    for (let round = 0; round < 30_000; round++) {
      const bytes = record(
        { kind: 1 + random(8), number: random(500), argument: [BigInt(random(70)), BigInt(random(70))] },
        [
          {
            index: random(7),
            type: random(6),
            bytes: Buffer.from(Array.from({ length: random(40) }, () => random(256))),
          },
          { index: 1, type: 3, bytes: 'a\0' },
        ],
      );
      for (let flips = random(6); flips > 0; flips--) bytes[4 + random(bytes.length - 4)] = random(256);
      try {
        const event = decodeRecord(bytes);
        if ('text' in event) expect(event.text).toMatch(/^[ -~]*$/);
        read++;
      } catch (error) {
        expect(error).toBeInstanceOf(MalformedRecord);
      }
    }
    expect(read).toBeGreaterThan(3000);
  });
});

describe('socketAddress', () => {
  it.each([
    [[2, 0, 0, 80, 127, 0, 0, 1], { family: 'AF_INET', address: '127.0.0.1', port: 80 }],
    [[10, 0, 1, 187, 0, 0, 0, 0, ...Array(15).fill(0), 1], { family: 'AF_INET6', address: '::1', port: 443 }],
    [
      [10, 0, 0, 1, 0, 0, 0, 0, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2],
      { family: 'AF_INET6', address: '2001:db8::2', port: 1 },
    ],
    [[1, 0, 0x2f, 0x61, 0, 0x62], { family: 'AF_UNIX', path: '/a', abstract: false }],
    [[1, 0, 0, 0x61], { family: 'AF_UNIX', path: 'a', abstract: true }],
    [[2, 0, 1], { family: 'AF_INET' }],
    [[16, 0], { family: 'AF_NETLINK' }],
    [[99, 1], { family: 'AF_355' }],
    [[], { family: 'AF_UNSPEC' }],
  ])('%j', (bytes, address) => {
    expect(socketAddress(Buffer.from(bytes))).toEqual(address);
  });
});

describe('text of a guest', () => {
  it('is quoted byte by byte', () => {
    expect(quoted(Buffer.from('a"\\\n\u001b\u00e9'))).toBe('"a\\"\\\\\\n\\033\\303\\251"');
  });
  it('keeps letters and loses what acts', () => {
    expect(printable('é漢 \u001b[31m\u202e\\\u009b\ud800')).toBe(
      'é漢 \\u{1b}[31m\\u{202e}\\\\\\u{9b}\\u{d800}',
    );
    expect(html('<a href="x" b=\'y\'>&')).toBe('&lt;a href=&quot;x&quot; b=&#39;y&#39;&gt;&amp;');
  });
});
