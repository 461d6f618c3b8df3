/** Where groups would be made, on hosts as their procfs and cgroup file systems describe them. */
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { findParents, type Hierarchy, NoParent, parseHierarchies } from '../../lib/cgroup.js';
import { parseAmount } from '../../lib/limits.js';

const folder = mkdtempSync(join(tmpdir(), 'barchan-cgroup-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let trees = 0;

/** A tree of version 2: by path, what each group shares out, whether it has processes, and its type. */
function tree(
  own: string,
  groups: Record<string, { shares?: string; procs?: string; type?: string }>,
): Hierarchy {
  const mount = join(folder, String(++trees));
  for (const [path, { shares = '', procs = '', type }] of Object.entries(groups)) {
    const directory = join(mount, path);
    mkdirSync(directory, { recursive: true });
    const above =
      path === '/' ? 'cpu memory pids io' : readFileSync(join(dirname(directory), 'cgroup.subtree_control'));
    writeFileSync(join(directory, 'cgroup.controllers'), above);
    writeFileSync(join(directory, 'cgroup.subtree_control'), shares);
    writeFileSync(join(directory, 'cgroup.procs'), procs);
    if (path !== '/') writeFileSync(join(directory, 'cgroup.type'), type ?? 'domain\n');
  }
  return { version: 2, controllers: [], mount, own: join(mount, own) };
}

describe('hierarchies', () => {
  it('of version 1, of both, and with strange paths', () => {
    const mountinfo = `
25 1 0:22 / /sys/fs/cgroup rw - tmpfs tmpfs rw
26 25 0:23 / /sys/fs/cgroup/cpu,cpuacct rw shared:3 - cgroup cgroup rw,cpu,cpuacct
27 25 0:24 /docker/1 /sys/fs/cgroup/memory\\040x rw - cgroup cgroup rw,memory
28 25 0:25 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
29 25 0:26 /elsewhere /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids`;
    const cgroup = '5:pids:/here\n4:memory:/docker/1/2\n3:cpu,cpuacct:/a\n1:name=systemd:/x\n0::/a.slice/b\n';
    expect(parseHierarchies(mountinfo, cgroup)).toEqual([
      {
        version: 1,
        controllers: ['cpu', 'cpuacct'],
        mount: '/sys/fs/cgroup/cpu,cpuacct',
        own: '/sys/fs/cgroup/cpu,cpuacct/a',
      },
      {
        version: 1,
        controllers: ['memory'],
        mount: '/sys/fs/cgroup/memory x',
        own: '/sys/fs/cgroup/memory x/2',
      },
      {
        version: 2,
        controllers: [],
        mount: '/sys/fs/cgroup/unified',
        own: '/sys/fs/cgroup/unified/a.slice/b',
      },
      { version: 1, controllers: ['pids'], mount: '/sys/fs/cgroup/pids', own: undefined },
    ]);
  });

  it('none', () => {
    expect(parseHierarchies('', '')).toEqual([]);
    expect(findParents(['memory'], undefined, [])).toEqual([
      { controllers: ['memory'], parent: expect.any(NoParent) },
    ]);
  });
});

describe('the parent in version 2', () => {
  const where = (host: Hierarchy, given?: string): string =>
    findParents(['memory', 'pids', 'cpuacct'], given, [host])
      .map(({ parent }) => (parent instanceof NoParent ? parent.why : parent.directory))
      .join()
      .replaceAll(host.mount, '<>');

  it('is the nearest above that shares the controllers out', () => {
    const host = tree('/user/app/node', {
      '/': { shares: 'memory pids cpu' },
      '/user': { shares: 'memory pids' },
      '/user/app': { shares: 'memory' },
      '/user/app/node': { procs: '1\n' },
    });
    expect(where(host)).toBe('<>/user');
  });

  it('is an own group only while no process is in it, which then shares them out', () => {
    const host = tree('/node', { '/': { shares: 'memory pids' }, '/node': {} });
    expect(where(host)).toBe('<>/node');
    expect(readFileSync(join(host.mount, 'node/cgroup.subtree_control'), 'utf8')).toBe('+memory +pids');
    const busy = tree('/node', { '/': { shares: 'memory pids' }, '/node': { procs: '5\n' } });
    expect(where(busy)).toBe('<>');
    expect(readFileSync(join(busy.mount, 'node/cgroup.subtree_control'), 'utf8')).toBe('');
  });

  it('is none that is for threads', () => {
    const host = tree('/a/node', {
      '/': { shares: 'memory pids' },
      '/a': { shares: 'memory pids', type: 'domain threaded\n' },
      '/a/node': { procs: '5\n', type: 'threaded\n' },
    });
    expect(where(host)).toBe('<>');
  });

  it('is the one that is named and no other', () => {
    const host = tree('/node', {
      '/': { shares: 'memory pids' },
      '/node': { procs: '5\n' },
      '/mine': {},
      '/busy': { procs: '6\n' },
    });
    expect(where(host, '/mine')).toBe('<>/mine');
    expect(where(host, '/busy')).toContain('<>/busy does not share memory, pids out');
    expect(where(host, '/none')).toContain('<>/none gives ENOENT');
  });

  it('needs the controllers', () => {
    const host = tree('/node', { '/': {}, '/node': { procs: '1\n' } });
    writeFileSync(join(host.mount, 'cgroup.controllers'), 'cpu memory');
    expect(where(host)).toBe('<> has no controller pids');
  });

  it('needs permission', (context) => {
    if (process.geteuid?.() === 0) return context.skip('root has every permission');
    const host = tree('/node', { '/': { shares: 'memory pids' }, '/node': { procs: '1\n' } });
    chmodSync(host.mount, 0o555);
    expect(where(host)).toContain('EACCES');
  });
});

it.each([
  [0, 0],
  [4096, 4096],
  ['4096', 4096],
  ['1k', 1024],
  ['256M', 256 * 1024 ** 2],
  ['2gb', 2 * 1024 ** 3],
  ['1T', 1024 ** 4],
  ['', undefined],
  ['k', undefined],
  ['1.5g', undefined],
  ['-1', undefined],
  ['1e3', undefined],
  [' 1', undefined],
  ['9007199254740993', undefined],
  ['9999999999999t', undefined],
  [-1, undefined],
  [1.5, undefined],
  [2 ** 53, undefined],
])('the amount %j is %j bytes', (given, bytes) => {
  expect(parseAmount(given)).toBe(bytes);
});
