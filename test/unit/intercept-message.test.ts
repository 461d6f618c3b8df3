import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import * as message from '../../lib/intercept-message.js';
import { decodeSocketAddress } from '../../lib/socket-address.js';

const read = (path: string): string => readFileSync(new URL(`../../native/${path}`, import.meta.url), 'utf8');
const header = read('abi/intercept.h');

function constant(name: string): number {
  const text = new RegExp(`constexpr u(?:32|16) ${name} = ([^;]+);`).exec(header)?.[1] ?? '';
  const [value, shift] = text.split(' << ');
  return Number(value) * 2 ** Number(shift ?? 0);
}

/** `kInterceptNAME = N` of an enum. */
const enumerator = (name: string): number =>
  Number(new RegExp(`kIntercept${name[0]?.toUpperCase()}${name.slice(1)} = (\\d+)`).exec(header)?.[1] ?? -1);

function request(): Buffer {
  const head = Buffer.alloc(208);
  const path = Buffer.from('/etc/passwd\0\0\0\0\0');
  head.writeUInt32LE(message.interceptMagic, 0);
  head.writeUInt32LE(message.interceptVersion, 4);
  head.writeUInt32LE(208 + path.length, 8);
  head.writeUInt32LE(257, 12);
  head.writeUInt32LE(2, 16);
  head.writeInt32LE(7, 20);
  head.writeInt32LE(8, 24);
  head.writeUInt32LE(1, 28);
  head.fill(0x5a, 32, 48);
  head.writeBigInt64LE(-100n, 48);
  head.set([13, 15, 10, 8], 96); // dirFd, path, flags, mode
  head.writeUInt8(4, 102);
  head.writeUInt8(0xff, 103);
  head.writeUInt16LE(1, 112);
  head.writeUInt16LE(message.partKinds.string, 114);
  head.writeUInt32LE(208, 116);
  head.writeUInt32LE(11, 120);
  head.writeUInt32LE(11, 124);
  return Buffer.concat([head, path]);
}

describe('the messages of intercepted calls', () => {
  it('agree with abi/intercept.h', () => {
    expect(message.interceptMagic).toBe(constant('kInterceptMagic'));
    expect(message.interceptVersion).toBe(constant('kInterceptVersion'));
    expect(message.interceptDataMost).toBe(constant('kInterceptDataMost'));
    expect(message.interceptStringMost).toBe(constant('kInterceptStringMost'));
    expect(message.interceptMessageMost).toBe(constant('kInterceptMessageMost'));
    expect(message.interceptAddress).toBe(constant('kInterceptAddress'));
    for (const [name, value] of Object.entries({ ...message.interceptActions }))
      expect(enumerator(name), name).toBe(value);
    for (const [name, value] of Object.entries(message.partKinds)) {
      expect(
        Number(new RegExp(`kIntercept${name[0]?.toUpperCase()}${name.slice(1)} = (\\d)`).exec(header)?.[1]),
      ).toBe(value);
    }
    expect(header).toContain('static_assert(sizeof(InterceptRequest) == 208)');
    expect(header).toContain('static_assert(sizeof(InterceptAnswer) == 112)');
  });

  it('know the kinds of arguments as monitor/table.h does', () => {
    const body = /enum class Kind : u8 \{(.*?)\};/s.exec(read('monitor/table.h'))?.[1] ?? '';
    const kinds = [...body.replaceAll(/\/\/.*/g, '').matchAll(/k(\w+)/g)].map(([, name = '']) => name);
    expect(message.argumentKinds.map((kind) => kind.toLowerCase())).toEqual(
      kinds.map((kind) => kind.toLowerCase()),
    );
  });

  it('are read', () => {
    const { arguments: list, parts, ...rest } = message.decodeRequest(request());
    expect(rest).toMatchObject({ number: 257, original: 2, pid: 7, tid: 8, output: undefined });
    expect(list[0]).toEqual({ kind: 'dirFd', value: 2n ** 64n - 100n });
    expect(parts).toEqual([{ argument: 1, kind: 'string', bytes: Buffer.from('/etc/passwd'), cut: false }]);
  });

  it.each<[string, (bytes: Buffer) => Buffer | undefined]>([
    ['short', (bytes) => bytes.subarray(0, 207)],
    ['cut', (bytes) => bytes.subarray(0, -1)],
    ['of another version', (bytes) => void bytes.writeUInt32LE(2, 4)],
    ['with too many arguments', (bytes) => void bytes.writeUInt8(7, 102)],
    ['with too many parts', (bytes) => void bytes.writeUInt32LE(7, 28)],
    ['with an unknown kind', (bytes) => void bytes.writeUInt8(99, 96)],
    ['with an output that is no argument', (bytes) => void bytes.writeUInt8(4, 103)],
    ['with a part before its data', (bytes) => void bytes.writeUInt32LE(4, 116)],
    ['with a part past its end', (bytes) => void bytes.writeUInt32LE(17, 120)],
    ['with a part of no argument', (bytes) => void bytes.writeUInt16LE(9, 112)],
  ])('are refused: one %s', (_, spoil) => {
    const bytes = request();
    const spoilt = spoil(bytes) ?? bytes;
    expect(() => message.decodeRequest(spoilt)).toThrow(expect.objectContaining({ code: 'ERR_INTERCEPT' }));
  });

  it('are written', () => {
    const answer = message.encodeAnswer(message.decodeRequest(request()), {
      action: 'allow',
      changed: new Map([[2, 5n]]),
      strings: new Map([[1, Buffer.from('/x')]]),
    });
    expect(answer.readUInt32LE(8)).toBe(answer.length);
    expect(answer.subarray(16, 32)).toEqual(Buffer.alloc(16, 0x5a));
    expect([answer.readUInt32LE(48), answer.readUInt32LE(52)]).toEqual([4, 2]);
    expect(answer.readBigUInt64LE(72)).toBe(5n);
    expect(answer.subarray(112)).toEqual(Buffer.from('/x\0'));
  });
});

describe('socket addresses', () => {
  it.each([
    ['020000507f000001', { family: 'inet', address: '127.0.0.1', port: 80 }],
    [
      '0a0001bb0000000020010db800000000000000000000000100000000',
      { family: 'inet6', address: '2001:db8::1', port: 443 },
    ],
    ['01002f746d702f7300ff', { family: 'unix', path: '/tmp/s' }],
    ['0100006162', { family: 'unix', path: '\0ab' }],
    ['1000ff', { family: 'other', number: 16 }],
    ['02', { family: 'other', number: 0 }],
    ['0200', { family: 'other', number: 2 }],
    ['', { family: 'other', number: 0 }],
  ])('%s', (hex, expected) => {
    const bytes = Buffer.from(hex, 'hex');
    expect(decodeSocketAddress(bytes)).toEqual({ ...expected, bytes });
  });
});
