/** Archives of all kinds, and such as are not exactly right. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { StreamSource } from '../../../lib/image/byte-source.js';
import { type Entry, TarReader } from '../../../lib/image/tar.js';
import { endOfTar, paxRecord, type TarEntry, tar, tarEntry } from '../../helpers/images.js';

const folder = mkdtempSync(join(tmpdir(), 'barchan-tar-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

type Read = Pick<Entry, 'name' | 'type' | 'size' | 'linkName' | 'uid' | 'mtime'> & {
  content: string;
  extents: Entry['extents'];
};

/** In chunks of `step` bytes, which must make no difference. */
async function read(bytes: Buffer, step = 700): Promise<Read[]> {
  async function* chunks(): AsyncGenerator<Buffer> {
    for (let at = 0; at < bytes.length; at += step) yield bytes.subarray(at, at + step);
  }
  const found: Read[] = [];
  for await (const entry of new TarReader(new StreamSource(chunks())).entries()) {
    const parts: Buffer[] = [];
    for await (const part of entry.data()) parts.push(part);
    const { name, type, size, linkName, uid, mtime, extents } = entry;
    found.push({
      name,
      type,
      size,
      linkName,
      uid,
      mtime,
      extents,
      content: Buffer.concat(parts).toString('latin1'),
    });
  }
  return found;
}

const binary = (value: number, length: number): Buffer => {
  const bytes = Buffer.alloc(length);
  bytes.writeBigUInt64BE(BigInt(value), length - 8);
  bytes[0] = 0x80;
  return bytes;
};

describe('archives that are right', () => {
  it.each<[string, Buffer, Partial<Read>[]]>([
    ['nothing', endOfTar, []],
    ['no end mark', tarEntry({ name: 'a', content: 'x' }), [{ name: 'a', content: 'x' }]],
    ['no bytes at all', Buffer.alloc(0), []],
    [
      'a file whose size is a block',
      tar([{ name: 'a', content: 'y'.repeat(512) }, { name: 'b' }]),
      [{ content: 'y'.repeat(512) }, { name: 'b', size: 0 }],
    ],
    ['a prefix', tar([{ name: 'n', edit: (h) => h.write('some/where', 345) }]), [{ name: 'some/where/n' }]],
    [
      'no prefix in the GNU kind',
      tar([{ name: 'n', edit: (h) => h.write('ustar  \0', 257) + h.write('junk', 345) }]),
      [{ name: 'n' }],
    ],
    ['a name of 100 bytes', tar([{ name: 'x'.repeat(100) }]), [{ name: 'x'.repeat(100) }]],
    ['an old folder', tar([{ name: 'd/', type: '\0' }]), [{ name: 'd/', type: 'directory' }]],
    [
      'GNU long names',
      tar([
        { name: '././@LongLink', type: 'L', content: `${'l'.repeat(300)}\0` },
        { name: '././@LongLink', type: 'K', content: 'target\0' },
        { name: 'cut', type: '2' },
      ]),
      [{ name: 'l'.repeat(300), type: 'symlink', linkName: 'target' }],
    ],
    [
      'PAX records',
      tar([
        {
          name: 'cut',
          content: 'abc',
          size: 3,
          uid: 5,
          pax: [
            ['path', 'long\xe9'],
            ['uid', '3000000'],
            ['mtime', '12.5'],
            ['comment', 'a=b\nc'],
          ],
        },
      ]),
      [{ name: 'long\xe9', uid: 3_000_000, mtime: 12.5, content: 'abc' }],
    ],
    [
      'a PAX size',
      tar([{ name: 'a', content: 'abc', pax: [['size', '3']], edit: (h) => h.write('00000000000\0', 124) }]),
      [{ size: 3, content: 'abc' }],
    ],
    [
      'a global header',
      tar([{ name: 'g', type: 'g', content: paxRecord('path', 'evil') }, { name: 'a' }]),
      [{ name: 'a' }],
    ],
    [
      'binary numbers',
      tar([
        {
          name: 'a',
          content: 'abc',
          edit: (h) => {
            binary(3, 12).copy(h, 124);
            binary(70_000, 8).copy(h, 108);
          },
        },
      ]),
      [{ size: 3, uid: 70_000, content: 'abc' }],
    ],
    ['a negative time', tar([{ name: 'a', edit: (h) => h.fill(0xff, 136, 148) }]), [{ mtime: -1 }]],
    ['names that are no UTF-8', tar([{ name: '\xff\xfe' }]), [{ name: '\xff\xfe' }]],
    [
      'links with a size',
      tar([
        { name: 'h', type: '1', link: 'a', size: 700 },
        { name: 'b', content: 'c' },
      ]),
      [
        { type: 'hardlink', size: 0 },
        { name: 'b', content: 'c' },
      ],
    ],
    [
      'devices',
      tar([
        { name: 'c', type: '3' },
        { name: 'b', type: '4' },
        { name: 'f', type: '6' },
      ]),
      [{ type: 'character' }, { type: 'block' }, { type: 'fifo' }],
    ],
    [
      'an old sum of signed bytes',
      tar([
        {
          name: '\xff',
          damage: (h) =>
            h.write(
              `${[...h]
                .reduce(
                  (sum, byte, i) => sum + (i >= 148 && i < 156 ? 32 : byte > 127 ? byte - 256 : byte),
                  0,
                )
                .toString(8)
                .padStart(6, '0')}\0 `,
              148,
            ),
        },
      ]),
      [{ name: '\xff' }],
    ],
    [
      'bytes behind the end mark',
      Buffer.concat([tar([{ name: 'a' }]), Buffer.from('junk')]),
      [{ name: 'a' }],
    ],
  ])('%s', async (_, bytes, expected) => {
    for (const step of [1, 700, 1 << 20]) {
      const found = await read(bytes, step);
      expect(found).toHaveLength(expected.length);
      expect(found).toMatchObject(expected);
    }
  });
});

describe('archives that are wrong', () => {
  const one = (entry: Partial<TarEntry>): Buffer => tar([{ name: 'a', ...entry }]);
  it.each<[string, Buffer, string]>([
    ['half a header', tarEntry({ name: 'a' }).subarray(0, 300), 'truncated'],
    ['half a file', tarEntry({ name: 'a', content: 'z'.repeat(1000) }).subarray(0, 900), 'truncated'],
    ['a size that is a lie', tarEntry({ name: 'a', size: 5000, content: 'z' }), 'truncated'],
    ['a wrong sum', one({ damage: (h) => h.write('x', 0) }), 'checksum'],
    ['text', Buffer.from('not an archive '.repeat(100)), 'checksum'],
    ['a size in letters', one({ edit: (h) => h.write('12345678zzz', 124) }), 'size'],
    ['a size beyond numbers', one({ edit: (h) => h.fill(0xff, 125, 136).fill(0x80, 124, 125) }), 'range'],
    ['a negative size', one({ edit: (h) => h.fill(0xff, 124, 136) }), 'negative'],
    ['an unknown type', one({ type: 'Z' }), 'unknown type'],
    ['a multi-volume archive', one({ type: 'M' }), 'unknown type'],
    ['an endless long name', one({ type: 'L', size: 8 * 1024 ** 3 - 1 }), 'extended header'],
    ['an endless PAX header', one({ type: 'x', size: 8 * 1024 ** 3 - 1 }), 'extended header'],
    ['a PAX header at the end', one({ type: 'x', content: paxRecord('path', 'x') }), 'ends after'],
    ['a PAX record without length', one({ type: 'x', content: 'path=x\n' }), 'malformed'],
    ['a PAX record that is too long', one({ type: 'x', content: '99 path=x\n' }), 'malformed'],
    ['a PAX record that is too short', one({ type: 'x', content: '5 path=x\n' }), 'malformed'],
    ['a PAX record of length 0', one({ type: 'x', content: '0 path=x\n' }), 'malformed'],
    ['a PAX size that is no number', one({ pax: [['size', '-1']] }), 'no number'],
    ['a PAX size beyond numbers', one({ pax: [['size', '9999999999999999']] }), 'range'],
    ['a NUL byte in a PAX path', one({ pax: [['path', 'a\0b']] }), 'NUL'],
    [
      'a sparse map that goes backwards',
      one({
        content: 'ab',
        pax: [
          ['GNU.sparse.size', '10'],
          ['GNU.sparse.map', '5,1,0,1'],
        ],
      }),
      'order',
    ],
    [
      'a sparse map that goes beyond',
      one({
        content: 'ab',
        pax: [
          ['GNU.sparse.size', '10'],
          ['GNU.sparse.map', '9,2'],
        ],
      }),
      'fit',
    ],
    [
      'a sparse map of other bytes',
      one({
        content: 'ab',
        pax: [
          ['GNU.sparse.size', '10'],
          ['GNU.sparse.map', '0,1'],
        ],
      }),
      'fit',
    ],
    [
      'half a sparse map',
      one({
        content: 'ab',
        pax: [
          ['GNU.sparse.size', '10'],
          ['GNU.sparse.map', '0,1,2'],
        ],
      }),
      'malformed',
    ],
    [
      'a sparse map without an end',
      one({
        content: '9'.repeat(2048),
        pax: [
          ['GNU.sparse.major', '1'],
          ['GNU.sparse.minor', '0'],
          ['GNU.sparse.realsize', '10'],
        ],
      }),
      'malformed',
    ],
    [
      'a sparse map of a million',
      one({
        content: '1000000\n',
        pax: [
          ['GNU.sparse.major', '1'],
          ['GNU.sparse.minor', '0'],
          ['GNU.sparse.realsize', '10'],
        ],
      }),
      'sparse',
    ],
    [
      'a sparse file of the future',
      one({
        pax: [
          ['GNU.sparse.major', '2'],
          ['GNU.sparse.realsize', '10'],
        ],
      }),
      'version',
    ],
  ])('%s', async (_, bytes, text) => {
    for (const step of [1, 700]) {
      await expect(read(bytes, step)).rejects.toMatchObject({
        code: 'ERR_IMAGE_INVALID',
        message: expect.stringContaining(text),
      });
    }
  });

  it('never anything else than that error, or entries, for random changes', async () => {
    const good = tar([
      {
        name: 'a',
        content: 'abc'.repeat(300),
        pax: [
          ['path', 'x'.repeat(200)],
          ['mtime', '5.5'],
        ],
      },
      { name: 'l', type: 'L', content: 'name\0' },
      { name: 'b/', type: '5' },
      {
        name: 's',
        content: 'ab',
        pax: [
          ['GNU.sparse.size', '10'],
          ['GNU.sparse.map', '0,1,4,1'],
        ],
      },
    ]);
    let seed = 12345;
    const random = (below: number): number => {
      seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
      return (seed >>> 8) % below;
    };
    let refused = 0;
    for (let round = 0; round < 3000; round++) {
      const bytes = Buffer.from(good);
      for (let change = random(4); change >= 0; change--) bytes[random(bytes.length)] = random(256);
      // Sums are put right, so that what is behind them is reached.
      for (let at = 0; at + 512 <= bytes.length; at += 512) {
        const header = bytes.subarray(at, at + 512);
        if (header.toString('latin1', 257, 262) !== 'ustar') continue;
        header.fill(0x20, 148, 156);
        header.write(
          `${header
            .reduce((sum, byte) => sum + byte, 0)
            .toString(8)
            .padStart(6, '0')}\0 `,
          148,
        );
      }
      try {
        await read(bytes, 1 << 20);
      } catch (error) {
        refused++;
        expect(error).toMatchObject({ code: 'ERR_IMAGE_INVALID' });
      }
    }
    expect(refused).toBeGreaterThan(300);
  });
});

describe('archives of GNU tar', () => {
  const long = `${'deep/'.repeat(30)}${'n'.repeat(120)}`;
  it.each(['v7', 'ustar', 'gnu', 'posix', 'oldgnu'])('format %s', async (format) => {
    writeFileSync(join(folder, 'plain'), 'content of a file\n');
    const names = format === 'gnu' || format === 'posix' || format === 'oldgnu' ? [long, 'plain'] : ['plain'];
    const transform = `--transform=s,^long$,${long},`;
    writeFileSync(join(folder, 'long'), 'long\n');
    const files = names.length === 2 ? ['long', 'plain'] : ['plain'];
    const bytes = execFileSync('tar', ['-cf', '-', `--format=${format}`, transform, ...files], {
      cwd: folder,
    });
    expect(await read(bytes)).toMatchObject(
      names.map((name) => ({ name, content: name === long ? 'long\n' : 'content of a file\n' })),
    );
  });

  it.each([
    ['gnu', []],
    ['posix', ['--sparse-version=0.0']],
    ['posix', ['--sparse-version=0.1']],
    ['posix', ['--sparse-version=1.0']],
  ])('sparse files, format %s %o', async (format, options) => {
    const path = join(folder, 'sparse');
    writeFileSync(path, '');
    truncateSync(path, 40 << 20);
    // Enough pieces that the map needs blocks of its own.
    for (let piece = 1; piece <= 40; piece++)
      execFileSync('dd', [
        'if=/dev/zero',
        `of=${path}`,
        'bs=4096',
        'count=1',
        `seek=${piece * 200}`,
        'conv=notrunc',
        'status=none',
      ]);
    execFileSync('sh', ['-c', `printf piece | dd of=${path} bs=1 seek=8192000 conv=notrunc status=none`]);
    const bytes = execFileSync(
      'tar',
      ['-cSf', '-', '--hole-detection=seek', `--format=${format}`, ...options, 'sparse'],
      { cwd: folder, maxBuffer: 1 << 28 },
    );
    const [entry, ...more] = await read(Buffer.from(bytes), 1 << 20);
    expect(more).toEqual([]);
    expect(entry).toMatchObject({ name: 'sparse', size: 40 << 20 });
    expect(entry?.extents?.filter(([, size]) => size > 0).length).toBeGreaterThanOrEqual(40);
    const whole = Buffer.alloc(entry?.size ?? 0);
    let done = 0;
    for (const [at, size] of entry?.extents ?? []) {
      whole.write(entry?.content.slice(done, done + size) ?? '', at, 'latin1');
      done += size;
    }
    expect(whole.toString('latin1', 8_192_000, 8_192_005)).toBe('piece');
    expect(whole.subarray(8_192_005).every((byte) => byte === 0)).toBe(true);
  });
});
