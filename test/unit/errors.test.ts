import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { errorCodes, SandboxError, toSandboxError } from '../../lib/errors.js';
import { reportedFailure } from '../../lib/report.js';

describe('SandboxError', () => {
  it('joins message and remedy and keeps the details', () => {
    const cause = new Error('inner');
    const error = new SandboxError('ERR_SYSTEM', 'Cannot do it', {
      remedy: 'Do that.',
      path: '/x',
      errno: 2,
      cause,
    });
    expect(error.message).toBe('Cannot do it. Do that.');
    expect(error).toMatchObject({ name: 'SandboxError', code: 'ERR_SYSTEM', path: '/x', errno: 2, cause });
    expect(error).toBeInstanceOf(Error);
    expect('syscall' in error && error.syscall).toBeFalsy();
  });

  it('is documented, every code of it', () => {
    const text = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8');
    const documented = [...text.matchAll(/^### `(ERR_\w+)`$/gm)].map((match) => match[1]);
    expect(documented.sort()).toEqual([...errorCodes].sort());
  });
});

describe('toSandboxError', () => {
  it('keeps a known code of the addon', () => {
    const thrown = Object.assign(new Error('no'), { code: 'ERR_KVM_PERMISSION', errno: 13, remedy: 'Ask.' });
    const error = toSandboxError(thrown, 'Cannot begin');
    expect(error).toMatchObject({ code: 'ERR_KVM_PERMISSION', errno: 13, remedy: 'Ask.', cause: thrown });
    expect(error.message).toBe('Cannot begin: no. Ask.');
  });

  it('makes ERR_SYSTEM of an error of Node, with a positive errno', () => {
    const thrown = Object.assign(new Error('spawn EAGAIN'), { code: 'EAGAIN', errno: -11, syscall: 'spawn' });
    expect(toSandboxError(thrown, 'Cannot start')).toMatchObject({
      code: 'ERR_SYSTEM',
      errno: 11,
      syscall: 'spawn',
    });
  });

  it('returns a SandboxError as it is', () => {
    const error = new SandboxError('ERR_ABORTED', 'x');
    expect(toSandboxError(error, 'y')).toBe(error);
  });
});

describe('reportedFailure', () => {
  const line = '{"code":"ERR_PROGRAM_NOT_FOUND","errno":2,"what":"open","path":"/nowhere"}\n';

  it.each([
    ['no report', '', 127],
    ['a status of the guest itself', line, 1],
    ['death by a signal', line, null],
    ['text that is no report', 'hello\nnull\n{"code":3}\n', 125],
    ['half a line', line.slice(0, 20), 125],
  ])('is nothing with %s', (_, text, status) => {
    expect(reportedFailure(text, status)).toBeUndefined();
  });

  it('names the file, the step and the errno', () => {
    const error = reportedFailure(`garbage\n${line}`, 127);
    expect(error).toMatchObject({ code: 'ERR_PROGRAM_NOT_FOUND', errno: 2, path: '/nowhere' });
    expect(error?.message).toBe('Open: /nowhere: ENOENT (no such file or directory).');
  });

  it('knows every code that the monitor reports', () => {
    const folder = new URL('../../native/monitor/', import.meta.url);
    const reported = readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.cc'))
      .flatMap((name) => [...readFileSync(new URL(name, folder), 'utf8').matchAll(/"(ERR_\w+)"/g)])
      .map((match) => match[1]);
    expect(reported.length).toBeGreaterThan(5);
    for (const code of reported) expect(errorCodes).toContain(code);
  });

  it('makes a crash of a code it does not know', () => {
    expect(reportedFailure('{"code":"ERR_NEW"}', 125)?.code).toBe('ERR_MONITOR_CRASH');
  });
});
