/** Layers over one another, hostile ones among them: what is there afterwards, and that nothing outside has changed. */
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { SandboxError } from '../../../lib/errors.js';
import { StreamSource } from '../../../lib/image/byte-source.js';
import { defaultLimits, type Limits } from '../../../lib/image/limits.js';
import { removeTree } from '../../../lib/image/remove-tree.js';
import { TarReader } from '../../../lib/image/tar.js';
import { type Owners, Unpacker } from '../../../lib/image/unpack.js';
import { listTree, type TarEntry, tar } from '../../helpers/images.js';

const folder = mkdtempSync(join(tmpdir(), 'barchan-unpack-'));
afterAll(() => removeTree(folder));

/** What stands around the folder that is unpacked into, and must stay as it is. */
const outside = ['victim/file f 600', 'victim d 700', 'file f 600'];
let number = 0;

async function unpack(
  layers: readonly (readonly TarEntry[])[],
  limits: Partial<Limits> = {},
  owners: Owners = 'caller',
): Promise<{ root: string; tree: string[]; unpacker: Unpacker }> {
  const around = join(folder, String(number++));
  const root = join(around, 'rootfs');
  mkdirSync(root, { recursive: true });
  mkdirSync(join(around, 'victim'), { mode: 0o700 });
  writeFileSync(join(around, 'victim/file'), 'kept', { mode: 0o600 });
  writeFileSync(join(around, 'file'), 'kept', { mode: 0o600 });
  const unpacker = new Unpacker(root, owners, { ...defaultLimits, ...limits });
  try {
    for (const entries of layers) {
      const bytes = tar(entries);
      async function* stream(): AsyncGenerator<Buffer> {
        yield bytes;
      }
      await unpacker.apply(new TarReader(new StreamSource(stream())).entries());
    }
    unpacker.finish();
  } finally {
    const rest = listTree(around).filter((line) => !line.startsWith('rootfs'));
    expect(rest.sort()).toEqual([...outside].sort());
    expect(readFileSync(join(around, 'victim/file'), 'utf8')).toBe('kept');
    expect(readFileSync(join(around, 'file'), 'utf8')).toBe('kept');
  }
  return { root, tree: listTree(root), unpacker };
}

const file = (name: string, content = name): TarEntry => ({ name, content });
const link = (name: string, target: string): TarEntry => ({ name, type: '2', link: target });
const hard = (name: string, target: string): TarEntry => ({ name, type: '1', link: target });

describe('layers', () => {
  it.each<[string, TarEntry[][], string[]]>([
    ['no layer', [], []],
    ['folders that are not named', [[file('a/b/c')]], ['a d 755', 'a/b d 755', 'a/b/c f 644']],
    ['the root itself', [[{ name: './', mode: 0 }, file('./a')]], ['a f 644']],
    ['absolute names are below the root', [[file('/etc/x')]], ['etc d 755', 'etc/x f 644']],
    [
      'a later file replaces one',
      [[file('a', '1')], [{ name: 'a', content: '2', mode: 0o600 }]],
      ['a f 600'],
    ],
    ['a file replaces a folder', [[file('a/b/c')], [file('a')]], ['a f 644']],
    ['a folder replaces a file', [[file('a')], [{ name: 'a/' }, file('a/b')]], ['a d 644', 'a/b f 644']],
    [
      'a folder replaces a link',
      [
        [link('a', 'b'), { name: 'b/', mode: 0o755 }],
        [{ name: 'a/', mode: 0o700 }, file('a/c')],
      ],
      ['a d 700', 'a/c f 644', 'b d 755'],
    ],
    [
      'a folder again has new modes and its children',
      [[{ name: 'a/', mode: 0o700 }, file('a/b')], [{ name: 'a/', mode: 0o711 }]],
      ['a d 711', 'a/b f 644'],
    ],
    ['a link replaces a folder', [[file('a/b')], [link('a', '/x')]], ['a l 777 /x']],
    [
      'special bits are dropped, the sticky one kept',
      [
        [
          { name: 'a', mode: 0o6755 },
          { name: 't/', mode: 0o3777 },
        ],
      ],
      ['a f 755', 't d 1777'],
    ],
    [
      'devices and FIFOs are left out',
      [
        [
          { name: 'c', type: '3' },
          { name: 'b', type: '4' },
          { name: 'f', type: '6' },
        ],
      ],
      [],
    ],
    ['and hide what was there', [[file('a')], [{ name: 'a', type: '3' }]], []],
    [
      'folders without rights can be filled',
      [[{ name: 'a/', mode: 0 }, file('a/b')]],
      ['a d 0', 'a/b f 644'],
    ],
    ['a whiteout', [[file('a/b'), file('a/c')], [file('a/.wh.b')]], ['a d 755', 'a/c f 644']],
    ['a whiteout of a folder', [[file('a/b/c'), file('x')], [file('.wh.a')]], ['x f 644']],
    ['a whiteout of nothing', [[file('a')], [file('.wh.b')]], ['a f 644']],
    ['a whiteout spares its own layer', [[file('a')], [file('a', 'new'), file('.wh.a')]], ['a f 644']],
    [
      'a whiteout spares its own layer below a folder',
      [[file('a/old')], [file('a/new'), file('.wh.a')]],
      ['a d 755', 'a/new f 644'],
    ],
    [
      'an opaque folder',
      [
        [file('a/old'), file('a/d/e')],
        [file('a/.wh..wh..opq'), file('a/new')],
      ],
      ['a d 755', 'a/new f 644'],
    ],
    [
      'an opaque folder, told of last',
      [
        [file('a/old'), file('a/d/e')],
        [file('a/new'), file('a/.wh..wh..opq')],
      ],
      ['a d 755', 'a/new f 644'],
    ],
    [
      'an opaque root',
      [
        [file('a'), file('b/c')],
        [file('.wh..wh..opq'), file('d')],
      ],
      ['d f 644'],
    ],
    ['marks of aufs', [[file('.wh..wh.plnk/1.2'), file('.wh..wh.aufs')]], []],
    ['a hard link', [[file('a'), hard('b/c', 'a')]], ['a f 644', 'b d 755', 'b/c f 644']],
    ['a hard link over layers', [[file('a')], [hard('b', '/a'), file('a', 'new')]], ['a f 644', 'b f 644']],
    ['a hard link to itself', [[file('a'), hard('a', 'a')]], ['a f 644']],
    [
      'a hard link to a symbolic one',
      [[link('l', '/etc/passwd'), hard('b', 'l')]],
      ['b l 777 /etc/passwd', 'l l 777 /etc/passwd'],
    ],
    ['names that are no UTF-8', [[file('\xff\xfe/\x80')]], ['\xff\xfe d 755', '\xff\xfe/\x80 f 644']],
    [
      'through a link to a folder',
      [[{ name: 'usr/bin/', mode: 0o755 }, link('bin', 'usr/bin')], [file('bin/x')]],
      ['bin l 777 usr/bin', 'usr d 755', 'usr/bin d 755', 'usr/bin/x f 644'],
    ],
    [
      'through a link that is absolute',
      [
        [link('bin', '/usr/bin'), file('usr/bin/y')],
        [file('bin/x'), file('.wh.nothing')],
      ],
      ['bin l 777 /usr/bin', 'usr d 755', 'usr/bin d 755', 'usr/bin/x f 644', 'usr/bin/y f 644'],
    ],
  ])('%s', async (_, layers, expected) => {
    expect((await unpack(layers)).tree.map((line) => line.replace(/ 0755$/, ' 755'))).toEqual(
      [...expected].sort(),
    );
  });

  it('content, times and holes', async () => {
    const map: [string, string][] = [
      ['GNU.sparse.size', '100000'],
      ['GNU.sparse.map', '10,2,50000,3'],
    ];
    const { root } = await unpack([
      [
        { name: 'a', content: 'abc', mtime: 1234567890 },
        { name: 's', content: 'xyabc', pax: map },
        { name: 'd/', mtime: 5 },
        file('d/x'),
        { ...link('l', 'x'), mtime: 77 },
      ],
    ]);
    expect(readFileSync(join(root, 'a'), 'utf8')).toBe('abc');
    const sparse = readFileSync(join(root, 's'));
    expect([
      sparse.length,
      sparse.toString('latin1', 10, 12),
      sparse.toString('latin1', 50000, 50003),
      sparse[12],
    ]).toEqual([100000, 'xy', 'abc', 0]);
    expect([
      statSync(join(root, 'a')).mtimeMs,
      statSync(join(root, 'd')).mtimeMs,
      lstatSync(join(root, 'l')).mtimeMs,
    ]).toEqual([1234567890000, 5000, 77000]);
  });

  it('hard links are one file until a layer replaces one of them', async () => {
    const { root } = await unpack([[file('a', 'old'), hard('b', 'a'), hard('c', 'a')], [file('a', 'new')]]);
    expect(['a', 'b', 'c'].map((name) => readFileSync(join(root, name), 'utf8'))).toEqual([
      'new',
      'old',
      'old',
    ]);
    expect(statSync(join(root, 'b')).ino).toBe(statSync(join(root, 'c')).ino);
  });

  it('owners are kept by root', async (context) => {
    if (process.geteuid?.() !== 0) context.skip('must be root');
    const { root } = await unpack(
      [
        [
          { name: 'd/', uid: 5, gid: 6 },
          { name: 'd/f', uid: 7, gid: 8 },
          { ...link('d/l', 'x'), uid: 9, gid: 10 },
          file('made/x'),
        ],
      ],
      {},
      'keep',
    );
    const owner = (name: string): number[] => [
      lstatSync(join(root, name)).uid,
      lstatSync(join(root, name)).gid,
    ];
    expect(['d', 'd/f', 'd/l', 'made'].map(owner)).toEqual([
      [5, 6],
      [7, 8],
      [9, 10],
      [0, 0],
    ]);
  });
});

describe('hostile layers', () => {
  const many = (count: number): TarEntry[] => Array.from({ length: count }, (_, i) => ({ name: `f${i}` }));
  it.each<[string, TarEntry[][], Partial<Limits>, Partial<SandboxError>]>([
    ['..', [[file('../file')]], {}, { code: 'ERR_IMAGE_INVALID' }],
    ['.. in the middle', [[file('a/../../file')]], {}, { code: 'ERR_IMAGE_INVALID' }],
    ['.. behind a slash', [[file('/../victim/file')]], {}, { code: 'ERR_IMAGE_INVALID' }],
    ['.. as a folder', [[{ name: 'a/../..', type: '5' }]], {}, { code: 'ERR_IMAGE_INVALID' }],
    ['.. in a PAX path', [[{ name: 'x', pax: [['path', '../file']] }]], {}, { code: 'ERR_IMAGE_INVALID' }],
    ['a hard link to what is outside', [[hard('x', '../file')]], {}, { code: 'ERR_IMAGE_INVALID' }],
    ['a hard link to an absolute path', [[hard('x', '/etc/passwd')]], {}, { code: 'ERR_IMAGE_INVALID' }],
    [
      'a hard link through a link',
      [[link('l', '../'), hard('x', 'l/file')]],
      {},
      { code: 'ERR_IMAGE_INVALID' },
    ],
    [
      'a hard link through a link to /',
      [[link('l', '/'), hard('x', 'l/etc/passwd')]],
      {},
      { code: 'ERR_IMAGE_INVALID' },
    ],
    ['a hard link to a folder', [[{ name: 'd/' }, hard('x', 'd')]], {}, { code: 'ERR_IMAGE_INVALID' }],
    ['a hard link to what it replaces', [[file('a/b'), hard('a', 'a/b')]], {}, { code: 'ERR_IMAGE_INVALID' }],
    ['a whiteout of ..', [[file('.wh...')]], {}, { code: 'ERR_IMAGE_INVALID' }],
    ['a whiteout of .', [[file('a/.wh..')]], {}, { code: 'ERR_IMAGE_INVALID' }],
    ['a file below a whiteout', [[file('.wh.a/b')]], {}, { code: 'ERR_IMAGE_INVALID' }],
    ['a whiteout of nothing at all', [[file('a/.wh.')]], {}, { code: 'ERR_IMAGE_INVALID' }],
    ['links in a circle', [[link('a', 'b'), link('b', 'a'), file('a/x')]], {}, { code: 'ERR_IMAGE_INVALID' }],
    ['a link to itself', [[link('a', 'a'), file('a/x')]], {}, { code: 'ERR_IMAGE_INVALID' }],
    [
      'links that grow',
      [[link('a', `${'b/'.repeat(40)}`), link('b', `${'a/'.repeat(40)}`), file('a/x')]],
      {},
      { code: 'ERR_IMAGE_INVALID' },
    ],
    ['a file as a folder', [[file('a'), file('a/b')]], {}, { code: 'ERR_IMAGE_INVALID' }],
    ['a link without target', [[link('a', '')]], {}, { code: 'ERR_IMAGE_INVALID' }],
    [
      'a link with an endless target',
      [[{ name: 'a', type: '2', pax: [['linkpath', 'x'.repeat(5000)]] }]],
      {},
      { code: 'ERR_IMAGE_INVALID' },
    ],
    [
      'a name of 256 bytes',
      [[{ name: 'x', pax: [['path', 'y'.repeat(256)]] }]],
      {},
      { code: 'ERR_IMAGE_INVALID' },
    ],
    [
      'too many entries',
      [many(6), many(5)],
      { entries: 10 },
      { code: 'ERR_IMAGE_TOO_LARGE', path: 'image.limits.entries' },
    ],
    [
      'too many bytes',
      [[file('a', 'x'.repeat(600)), file('a', 'y'.repeat(600))]],
      { bytes: 1000 },
      { code: 'ERR_IMAGE_TOO_LARGE', path: 'image.limits.bytes' },
    ],
    [
      'a hole of terabytes',
      [
        [
          {
            name: 'x',
            content: 'a',
            pax: [
              ['GNU.sparse.size', '99999999999999'],
              ['GNU.sparse.map', '0,1'],
            ],
          },
        ],
      ],
      {},
      { code: 'ERR_IMAGE_TOO_LARGE', path: 'image.limits.bytes' },
    ],
    [
      'a deep path',
      [[{ name: 'x', pax: [['path', 'd/'.repeat(50)]] }]],
      { depth: 20 },
      { code: 'ERR_IMAGE_TOO_LARGE', path: 'image.limits.depth' },
    ],
    [
      'a long path',
      [[{ name: 'x', pax: [['path', `${'d'.repeat(200)}/`.repeat(20)]] }]],
      {},
      { code: 'ERR_IMAGE_TOO_LARGE', path: 'image.limits.pathBytes' },
    ],
    [
      'depth through links',
      [[file(`${'d/'.repeat(8)}x`), link('l', 'd/d/d/d/d/d/d/d'), file('l/e/e/e')]],
      { depth: 10 },
      { code: 'ERR_IMAGE_TOO_LARGE', path: 'image.limits.depth' },
    ],
  ])('%s', async (_, layers, limits, expected) => {
    await expect(unpack(layers, limits)).rejects.toMatchObject(expected);
  });

  /** Whatever these do, they do below the root: `unpack` looks at what is outside. */
  it.each<[string, TarEntry[][], string]>([
    [
      'a link out, and a file through it',
      [[link('out', '../victim'), file('out/file', 'evil')]],
      'victim/file',
    ],
    [
      'the same in two layers',
      [[link('out', '../../../..')], [file('out/victim/file', 'evil')]],
      'victim/file',
    ],
    ['an absolute link', [[link('out', '/victim'), file('out/file', 'evil')]], 'victim/file'],
    [
      'a chain of links',
      [[link('a', '..'), link('b', 'a/../victim'), link('c', 'b'), file('c/file', 'evil')]],
      'victim/file',
    ],
    [
      'a folder through a link',
      [[link('out', '../victim'), { name: 'out/sub/', mode: 0o777 }]],
      'victim/sub',
    ],
    [
      'a hard link into a link',
      [[link('out', '../victim'), file('a', 'evil'), hard('out/file', 'a')]],
      'victim/file',
    ],
    [
      'a whiteout through a link',
      [[file('victim/keep'), link('out', '../victim')], [file('out/.wh.file')]],
      'victim/keep',
    ],
    [
      'an opaque mark through a link',
      [[link('out', '../victim')], [file('out/.wh..wh..opq'), file('out/x')]],
      'victim/x',
    ],
    [
      'a link replaced while in use',
      [[{ name: 'd/', mode: 0o755 }, file('d/file', 'a'), link('d', '../victim'), file('d/file', 'evil')]],
      'victim/file',
    ],
    ['a file through a link as its last name', [[link('file', '../file'), file('file', 'evil')]], 'file'],
    [
      'a hard link as a file, written again',
      [[link('l', '../../file'), hard('h', 'l'), file('h', 'evil')]],
      'h',
    ],
  ])('%s', async (_, layers, place) => {
    const { root } = await unpack(layers);
    expect(existsSync(join(root, place))).toBe(true);
  });

  it('what was planted at the same place by somebody else is not used', async () => {
    const root = join(folder, 'planted/rootfs');
    mkdirSync(root, { recursive: true });
    writeFileSync(join(folder, 'planted/file'), 'kept');
    symlinkSync('../file', join(root, 'a'));
    const unpacker = new Unpacker(root, 'caller', defaultLimits);
    async function* stream(): AsyncGenerator<Buffer> {
      yield tar([file('a', 'evil')]);
    }
    await expect(unpacker.apply(new TarReader(new StreamSource(stream())).entries())).rejects.toMatchObject({
      code: 'EEXIST',
    });
    expect(readFileSync(join(folder, 'planted/file'), 'utf8')).toBe('kept');
  });
});

it('removes trees of any modes and names, and follows no link', async () => {
  const { root } = await unpack([
    [{ name: 'a/', mode: 0 }, { name: 'a/b/', mode: 0o555 }, file('a/b/\xff'), link('a/l', '../../victim')],
  ]);
  removeTree(root);
  expect(existsSync(root)).toBe(false);
  expect(readFileSync(join(root, '../victim/file'), 'utf8')).toBe('kept');
  removeTree(root);
  rmSync(join(root, '..'), { recursive: true });
});
