import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  decodeEntries,
  decodeEvents,
  decodeFileAnswer,
  decodeFileStat,
  encodeFileRequest,
  fileAnswerSize,
  fileFlags,
  fileOperations,
  fileRequestSize,
  fileStatusSize,
  filesMessageMost,
  notRegular,
} from '../../lib/files-message.js';

const header = readFileSync(new URL('../../native/abi/files.h', import.meta.url), 'utf8');
const upper = (name: string): string => (name[0] ?? '').toUpperCase() + name.slice(1);

describe('the talk with barchan-files', () => {
  it('has the numbers of abi/files.h', () => {
    for (const [name, number] of Object.entries(fileOperations))
      expect(header).toMatch(new RegExp(`kFile${upper(name)} = ${number},`));
    expect(header.match(/^ {2}kFile\w+ = \d+,/gm)).toHaveLength(Object.keys(fileOperations).length);
    for (const [name, bit] of Object.entries(fileFlags))
      expect(header).toContain(`kFile${upper(name)} = 1u << ${Math.log2(bit)};`);
    expect(header).toContain(`kFilesMessageMost = ${filesMessageMost};`);
    expect(header).toContain(`kFileNotRegular = ${notRegular};`);
    expect(header).toContain(`sizeof(FileRequest) == ${fileRequestSize})`);
    expect(header).toContain(`sizeof(FileAnswer) == ${fileAnswerSize})`);
    expect(header).toContain(`sizeof(FileStatus) == ${fileStatusSize})`);
  });

  it('requests', () => {
    const bytes = encodeFileRequest(7, {
      operation: 'rename',
      path: Buffer.from('/a'),
      second: Buffer.from('/b'),
      flags: 8,
      mode: 0o644,
      value: 2n ** 40n,
    });
    expect([0, 4, 8, 12].map((at) => bytes.readUInt32LE(at))).toEqual([7, 8, 8, 0o644]);
    expect(bytes.readBigUInt64LE(16)).toBe(2n ** 40n);
    expect(bytes.toString('latin1', 24)).toBe('/a\0/b\0');
    expect(encodeFileRequest(1, { operation: 'nextEvents' }).toString('latin1', 24)).toBe('\0\0');
  });

  it('refuses what is no state and no list of names, and ends with any bytes', () => {
    for (const size of [0, fileStatusSize - 1, fileStatusSize + 1])
      expect(decodeFileStat(Buffer.alloc(size))).toBeUndefined();
    for (const wrong of ['', '\x08', '\x08a', '\x08\0', '\x08a\0\x04', '\x08a\0\x04b', '\0\0'])
      expect(decodeEntries(Buffer.from(wrong, 'latin1')), JSON.stringify(wrong)).toBeUndefined();
    let seed = 12345;
    const random = (below: number): number => {
      seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
      return (seed >>> 8) % below;
    };
    let entries = 0;
    for (let round = 0; round < 5000; round++) {
      // Mostly what such messages have.
      const bytes = Buffer.from(
        Array.from({ length: random(100) }, () => [0, 0, 4, 8, 16, 97, 255][random(8)] ?? random(256)),
      );
      const found = decodeEntries(bytes);
      entries += found?.length ?? 0;
      for (const { name } of found ?? []) {
        expect(name.length).toBeGreaterThan(0);
        expect(name.includes(0)).toBe(false);
      }
      const events = decodeEvents(bytes);
      expect(events.length).toBeLessThanOrEqual(bytes.length / 16);
      for (const { name } of events) expect(name.includes(0)).toBe(false);
      decodeFileAnswer(bytes);
    }
    expect(entries, 'some were right').toBeGreaterThan(20);
  });

  it('answers, states, entries and events', () => {
    expect(decodeFileAnswer(Buffer.alloc(15))).toBeUndefined();
    const answer = Buffer.from('0700000002000000030000000000000061', 'hex');
    expect(decodeFileAnswer(answer)).toEqual({ id: 7, error: 2, value: 3n, payload: Buffer.from('a') });
    const state = Buffer.alloc(fileStatusSize);
    state.writeUInt32LE(0o120777, 0);
    state.writeBigUInt64LE(5n, 16);
    state.writeBigInt64LE(1_500_000_000n, 40);
    expect(decodeFileStat(state)).toMatchObject({
      type: 'link',
      mode: 0o777,
      size: 5,
      modified: new Date(1500),
    });
    expect(decodeEntries(Buffer.from('\x08a\0\x04b c\0\x63d\0', 'latin1'))).toEqual([
      { type: 'file', name: Buffer.from('a') },
      { type: 'directory', name: Buffer.from('b c') },
      { type: 'unknown', name: Buffer.from('d') },
    ]);
    const event = Buffer.alloc(32);
    event.writeInt32LE(1, 0);
    event.writeUInt32LE(0x100, 4);
    event.writeUInt32LE(16, 12);
    event.write('name', 16);
    expect(decodeEvents(Buffer.concat([event, event.subarray(0, 8)]))).toEqual([
      { watch: 1, mask: 0x100, name: Buffer.from('name') },
    ]);
  });
});
