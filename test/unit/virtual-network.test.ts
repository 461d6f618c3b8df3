/** What a virtual network reads is a sample's: messages of name servers, and the first bytes of connections. */
import { expect, it } from 'vitest';
import { addressBytes, decodeQuery, encodeAnswer, HostTable } from '../../lib/harness/network-dns.js';
import { beginningOf } from '../../lib/harness/network-hello.js';

const query = (name: string, type = 1, kind = 1): Buffer => {
  const labels = name.split('.').map((label) => Buffer.from(` ${label}`, 'latin1'));
  for (const label of labels) label[0] = label.length - 1;
  const head = Buffer.from([0, 9, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
  return Buffer.concat([head, ...labels, Buffer.from([0, 0, type, 0, kind])]);
};

it('questions are read, or are none', () => {
  expect(decodeQuery(query('a.test', 28))).toMatchObject({
    id: 9,
    question: { name: 'a.test', type: 'AAAA' },
  });
  expect(decodeQuery(query('a.test', 77))?.question.type).toBe('TYPE77');
  expect(decodeQuery(query('\u001b[2J\\x.test'))?.question.name).toBe('\\027[2J\\\\x.test');
  expect(decodeQuery(query('a.test', 1, 3))?.foreign).toBe(true);
  const whole = query('a.test');
  for (let size = 0; size < whole.length; size++)
    expect(decodeQuery(whole.subarray(0, size)), `${size} bytes`).toBeUndefined();
  const changed = (at: number, byte: number): Buffer => {
    const copy = Buffer.from(whole);
    copy[at] = byte;
    return copy;
  };
  expect(decodeQuery(changed(2, 0x81))).toBeUndefined(); // an answer
  expect(decodeQuery(changed(5, 2))).toBeUndefined(); // two questions
  expect(decodeQuery(changed(12, 0xc0))).toBeUndefined(); // a pointer, to itself
  expect(decodeQuery(query(Array(9).fill('x'.repeat(60)).join('.')))).toBeUndefined();
});

it('answers hold what they can, and a handler is told what they cannot', () => {
  const asked = decodeQuery(query('a.test'));
  if (!asked) throw new Error('no query');
  const answer = encodeAnswer(asked, ['192.0.2.1', '192.0.2.2'], 512);
  expect([answer.readUInt16BE(6), answer.subarray(-4)]).toEqual([2, Buffer.from([192, 0, 2, 2])]);
  const cut = encodeAnswer(asked, Array(99).fill('192.0.2.1'), 512);
  expect([cut.length <= 512, (cut[2] as number) & 2]).toEqual([true, 2]);
  expect((encodeAnswer(asked, null, 512)[3] as number) & 15).toBe(3);
  expect(() => encodeAnswer(asked, ['::1'], 512)).toThrow('no answer of type A');
});

it('addresses are read as the kernel writes them', () => {
  expect(addressBytes('198.18.0.2')).toEqual(Uint8Array.of(198, 18, 0, 2));
  expect(addressBytes('2001:db8::ff')).toEqual(Uint8Array.of(0x20, 1, 0xd, 0xb8, ...Array(11).fill(0), 255));
  expect(addressBytes('::')).toEqual(new Uint8Array(16));
  expect(addressBytes('::ffff:1.2.3.4')?.slice(-6)).toEqual(Uint8Array.of(255, 255, 1, 2, 3, 4));
  for (const wrong of ['', '1.2.3', '1.2.3.256', 'a', '::1]/', ':::'])
    expect(addressBytes(wrong)).toBeUndefined();
});

it('each name has addresses of its own, as long as there is room', () => {
  const hosts = new HostTable();
  expect(hosts.addresses('A.test')).toEqual({ a: '198.18.0.2', aaaa: '2001:db8::2' });
  expect(hosts.addresses('a.TEST')?.a).toBe('198.18.0.2');
  for (let i = 1; i < 16_384; i++) hosts.addresses(`${i}.test`);
  expect(hosts.addresses('one.more')).toBeUndefined();
  expect(hosts.host('198.18.64.1')).toBe('16383.test');
  expect(hosts.host('2001:db8::2')).toBe('a.test');
});

it('the first bytes say what is spoken', () => {
  expect(beginningOf(Buffer.from('GET / HTTP/1.1\r\n'))).toEqual({ kind: 'http' });
  expect(beginningOf(Buffer.from('PO'))).toEqual({ kind: 'more' });
  expect(beginningOf(Buffer.from('EHLO\r\n'))).toEqual({ kind: 'other' });
  expect(beginningOf(Buffer.from([0x16, 3, 1, 0, 9, 2, 0, 0, 0]))).toEqual({ kind: 'other' });
  const name = Buffer.from('secret.test');
  const vector = (bytes: Buffer, size: number): Buffer => {
    const head = Buffer.alloc(size);
    head.writeUIntBE(bytes.length, 0, size);
    return Buffer.concat([head, bytes]);
  };
  const names = vector(Buffer.concat([Buffer.from([0]), vector(name, 2)]), 2);
  const extensions = Buffer.concat([Buffer.from([0, 10, 0, 0, 0, 0]), vector(names, 2)]);
  const body = [Buffer.alloc(34), Buffer.from([0, 0, 2, 0, 1, 1, 0]), vector(extensions, 2)];
  const hello = Buffer.concat([Buffer.from([1]), vector(Buffer.concat(body), 3)]);
  const record = (bytes: Buffer): Buffer => Buffer.concat([Buffer.from([0x16, 3, 1]), vector(bytes, 2)]);
  expect(beginningOf(record(hello))).toEqual({ kind: 'tls', host: 'secret.test' });
  const split = Buffer.concat([record(hello.subarray(0, 20)), record(hello.subarray(20))]);
  expect(beginningOf(split)).toEqual({ kind: 'tls', host: 'secret.test' });
  for (let size = 1; size < split.length; size++)
    expect(beginningOf(split.subarray(0, size)), `${size} bytes`).toEqual({ kind: 'more' });
  // Whatever a byte is changed to, there is an answer.
  for (let at = 5; at < 25 + hello.length; at++) {
    for (const byte of [0, 1, 0x7f, 0xff]) {
      const changed = Buffer.from(record(hello));
      changed[at] = byte;
      expect(['tls', 'more', 'other']).toContain(beginningOf(changed).kind);
    }
  }
});
