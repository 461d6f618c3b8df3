import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findProgram } from '../../lib/path-search.js';

let root = '';
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'barchan-path-'));
  for (const folder of ['one', 'two', 'one/folder']) mkdirSync(join(root, folder));
  for (const [file, mode] of [
    ['one/plain', 0o644],
    ['one/both', 0o755],
    ['two/both', 0o755],
    ['two/second', 0o755],
    ['two/folder', 0o755],
    ['here', 0o755],
  ] as const) {
    writeFileSync(join(root, file), '');
    chmodSync(join(root, file), mode);
  }
});
afterAll(() => rmSync(root, { recursive: true }));

const find = (name: string, path?: string): string =>
  findProgram(name, path === undefined ? {} : { PATH: path.replaceAll('$', root) }, root);

describe('findProgram', () => {
  it.each([
    ['takes the first folder', 'both', '$/one:$/two', '$/one/both'],
    ['goes on where it is missing', 'second', '$/none:$/one:$/two', '$/two/second'],
    ['passes over a folder of that name', 'folder', '$/one:$/two', '$/two/folder'],
    ['takes an empty entry for the working directory', 'here', ':$/one', 'here'],
    ['takes relative entries from the working directory', 'both', 'two', 'two/both'],
    ['does not double a slash', 'both', '$/one/', '$/one/both'],
    ['leaves a name with a slash alone', './here', '$/one', './here'],
    ['takes a path as it is', '$/two/second', '', '$/two/second'],
  ])('%s', (_, name, path, expected) => {
    expect(find(name.replace('$', root), path)).toBe(expected.replace('$', root));
  });

  it('has a default without PATH', () => {
    expect(find('sh')).toMatch(/^\/(usr\/)?bin\/sh$/);
  });

  it.each([
    ['is nowhere', 'nothing', '$/one:$/two', 'ERR_PROGRAM_NOT_FOUND', 2],
    ['is empty', '', '$/one', 'ERR_PROGRAM_NOT_FOUND', 2],
    ['is not in an empty PATH', 'both', '', 'ERR_PROGRAM_NOT_FOUND', 2],
    ['has no x bit', 'plain', '$/one', 'ERR_PROGRAM_NOT_EXECUTABLE', 13],
    ['has no x bit, given as a path', './one/plain', '', 'ERR_PROGRAM_NOT_EXECUTABLE', 13],
    ['is a folder', './one', '', 'ERR_PROGRAM_NOT_EXECUTABLE', 13],
    ['is a path to nothing', './one/nothing', '', 'ERR_PROGRAM_NOT_FOUND', 2],
    ['lies below a file', './here/x', '', 'ERR_PROGRAM_NOT_FOUND', 2],
  ])('refuses a program that %s', (_, name, path, code, errno) => {
    expect(() => find(name, path)).toThrow(expect.objectContaining({ code, errno }));
  });
});
