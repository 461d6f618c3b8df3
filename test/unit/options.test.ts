import { describe, expect, it } from 'vitest';
import { validateArgv, validateOptions } from '../../lib/options.js';

const { signal } = new AbortController();

describe('options that are right', () => {
  it.each([
    ['spawn', undefined],
    ['spawn', {}],
    ['spawn', { cwd: undefined, stdio: undefined }],
    ['spawn', { cwd: '/tmp', env: { A: 'b', C: undefined }, timeoutMs: 0, killSignal: 'SIGTERM', argv0: '' }],
    ['spawn', { stdio: 'inherit' }],
    ['spawn', { stdio: [] }],
    [
      'spawn',
      { stdio: ['pipe', 1, 'ignore', 5, 6], signal, newSession: true, keepBackground: false, traceFd: 2 },
    ],
    ['exec', { input: 'x', encoding: 'buffer', maxOutputBytes: 0, killSignal: 64 }],
    ['exec', { input: new Uint8Array(2), encoding: 'utf8', timeoutMs: 2 ** 31 - 1 }],
    ['run', { kvmDevice: '/dev/kvm', input: '' }],
    ['sandbox', { kvmDevice: '/dev/kvm', maxOutputBytes: 1, cwd: '.' }],
    ['doctor', { kvmDevice: '/x' }],
  ] as const)('%s %j', (kind, options) => {
    expect(() => validateOptions(kind, options)).not.toThrow();
  });
});

describe('options that are wrong', () => {
  it.each([
    ['spawn', null, 'options'],
    ['spawn', [], 'options'],
    ['spawn', 'pipe', 'options'],
    ['spawn', { timeout: 3 }, 'options.timeout'],
    ['spawn', { toString: 3 }, 'options.toString'],
    ['spawn', { input: 'x' }, 'options.input'],
    ['spawn', { cwd: '' }, 'options.cwd'],
    ['spawn', { cwd: 3 }, 'options.cwd'],
    ['spawn', { cwd: '/tmp\0' }, 'options.cwd'],
    ['spawn', { cwd: '/no/such/folder' }, 'options.cwd'],
    ['spawn', { cwd: '/etc/passwd' }, 'options.cwd'],
    ['spawn', { cwd: '/etc/passwd/x' }, 'options.cwd'],
    ['spawn', { env: [] }, 'options.env'],
    ['spawn', { env: null }, 'options.env'],
    ['spawn', { env: { '': 'x' } }, 'options.env'],
    ['spawn', { env: { 'A=B': 'x' } }, 'options.env'],
    ['spawn', { env: { 'A\0': 'x' } }, 'options.env'],
    ['spawn', { env: { A: 'x\0' } }, 'options.env'],
    ['spawn', { env: { A: 3 } }, 'options.env'],
    ['spawn', { timeoutMs: -1 }, 'options.timeoutMs'],
    ['spawn', { timeoutMs: 1.5 }, 'options.timeoutMs'],
    ['spawn', { timeoutMs: '5' }, 'options.timeoutMs'],
    ['spawn', { timeoutMs: Number.NaN }, 'options.timeoutMs'],
    ['spawn', { timeoutMs: 2 ** 31 }, 'options.timeoutMs'],
    ['spawn', { killSignal: 'TERM' }, 'options.killSignal'],
    ['spawn', { killSignal: 0 }, 'options.killSignal'],
    ['spawn', { killSignal: 65 }, 'options.killSignal'],
    ['spawn', { argv0: 'a\0' }, 'options.argv0'],
    ['spawn', { stdio: 'pipes' }, 'options.stdio'],
    ['spawn', { stdio: 1 }, 'options.stdio'],
    ['spawn', { stdio: ['pipe', -1] }, 'options.stdio'],
    ['spawn', { stdio: ['pipe', null] }, 'options.stdio'],
    ['spawn', { stdio: ['pipe', 'pipe', 'pipe', 'pipe'] }, 'options.stdio'],
    ['spawn', { stdio: new Array(1004).fill(0) }, 'options.stdio'],
    ['spawn', { signal: {} }, 'options.signal'],
    ['spawn', { newSession: 'yes' }, 'options.newSession'],
    ['spawn', { keepBackground: 1 }, 'options.keepBackground'],
    ['spawn', { traceFd: '2' }, 'options.traceFd'],
    ['exec', { stdio: 'pipe' }, 'options.stdio'],
    ['exec', { input: 3 }, 'options.input'],
    ['exec', { encoding: 'latin1' }, 'options.encoding'],
    ['exec', { maxOutputBytes: -1 }, 'options.maxOutputBytes'],
    ['exec', { maxOutputBytes: Number.POSITIVE_INFINITY }, 'options.maxOutputBytes'],
    ['run', { kvmDevice: '' }, 'options.kvmDevice'],
    ['sandbox', { kvmDevice: 5 }, 'options.kvmDevice'],
    ['sandbox', { signal }, 'options.signal'],
  ] as const)('%s %j', (kind, options, path) => {
    expect(() => validateOptions(kind, options)).toThrow(
      expect.objectContaining({ name: 'SandboxError', code: 'ERR_INVALID_OPTION', path }),
    );
  });

  it('says option, problem and value', () => {
    expect(() => validateOptions('exec', { timeoutMs: -5 })).toThrow(
      'options.timeoutMs must be whole milliseconds from 0 to 2147483647; it is -5.',
    );
  });
});

describe('argv', () => {
  it.each([[['a']], [['a', '', 'ä']], [['']]])('%j is right', (argv) => {
    expect(() => validateArgv(argv)).not.toThrow();
  });

  it.each([
    [undefined, 'argv'],
    ['ls', 'argv'],
    [[], 'argv'],
    [[1], 'argv[0]'],
    [['a', 'b\0c'], 'argv[1]'],
    [['a', undefined], 'argv[1]'],
  ])('%j is wrong', (argv, path) => {
    expect(() => validateArgv(argv)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_OPTION', path }));
  });
});
