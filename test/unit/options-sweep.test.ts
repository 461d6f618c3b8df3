/**
 * Every option of every call, whatever its name, against values of every type: each is taken or refused with
 * ERR_INVALID_OPTION, path, value and remedy. And what only means something together, or does not.
 */
import { describe, expect, it } from 'vitest';
import { chaosBlob } from '../../lib/chaos-blob.js';
import { SandboxError } from '../../lib/errors.js';
import { type Operation, validateArgv, validateOptions } from '../../lib/options.js';
import { policyBlob } from '../../lib/policy-option.js';

const operations: Operation[] = ['Sandbox.create', 'Sandbox.spawn', 'Sandbox.exec', 'run', 'doctor'];

/** The remedy for an unknown option names those that there are. */
function optionNames(operation: Operation): string[] {
  try {
    validateOptions(operation, { '?': 1 });
  } catch (error) {
    const names = /^Options are: (.+)\.$/.exec((error as SandboxError).remedy ?? '')?.[1];
    if (names) return names.split(', ');
  }
  throw new Error(`${operation} took an unknown option`);
}

const values: readonly [string, unknown][] = [
  ['null', null],
  ['true', true],
  ['0', 0],
  ['-0', -0],
  ['-1', -1],
  ['0.5', 0.5],
  ['NaN', Number.NaN],
  ['Infinity', Number.POSITIVE_INFINITY],
  ['2^31', 2 ** 31],
  ['2^53', 2 ** 53],
  ['1e300', 1e300],
  ['1n', 1n],
  ['empty text', ''],
  ['text', 'no such word'],
  ['text with NUL', '/tmp\0x'],
  ['a lone surrogate', '\ud800'],
  ['digits', '12'],
  ['an amount', '9999999999999999t'],
  ['long text', 'x'.repeat(100_000)],
  ['a symbol', Symbol('s')],
  ['a function', () => true],
  ['an empty object', {}],
  ['an object', { no: 'such', property: 1 }],
  ['an object without prototype', Object.create(null)],
  ['__proto__', JSON.parse('{"__proto__": {"memory": 1}}')],
  ['an empty list', []],
  ['a list', [1, 'two', null, {}]],
  ['nested lists', [[[]]]],
  ['a sparse list', new Array(5)],
  ['a Map', new Map([['a', 1]])],
  ['a Date', new Date(0)],
  ['a Buffer', Buffer.from('x')],
  ['a boxed number', Object(3)],
  ['a rejected promise', Promise.resolve()],
];

function refusal(operation: Operation, options: unknown): SandboxError | undefined {
  try {
    validateOptions(operation, options);
    const { chaos, policy } = options as { chaos?: unknown; policy?: unknown };
    if (chaos !== undefined) chaosBlob(chaos as never);
    if (policy !== undefined) policyBlob(policy as never);
    return undefined;
  } catch (error) {
    if (!(error instanceof SandboxError)) throw error;
    return error;
  }
}

describe.each(operations)('%s', (operation) => {
  it.each(optionNames(operation))('%s takes a value or says what is wrong with it', (name) => {
    let refused = 0;
    for (const [what, value] of values) {
      const error = refusal(operation, { [name]: value });
      if (!error) continue;
      refused++;
      expect(error, what).toMatchObject({
        code: 'ERR_INVALID_OPTION',
        path: expect.stringMatching(new RegExp(`^options\\.${name}(?![A-Za-z])`)),
        remedy: expect.stringMatching(/\.$/),
      });
      expect(error, what).toHaveProperty('value');
      if (error.path === `options.${name}`) expect(Object.is(error.value, value), what).toBe(true);
    }
    expect(refused).toBeGreaterThan(values.length / 3);
    expect(refusal(operation, { [name]: undefined })).toBeUndefined();
  });

  it('takes nothing else for options', () => {
    for (const [what, value] of values) {
      if (typeof value === 'object' && value !== null && !Array.isArray(value)) continue;
      expect(refusal(operation, value), what).toMatchObject({
        code: 'ERR_INVALID_OPTION',
        path: 'options',
        value,
      });
      expect(() => validateArgv(operation, value), what).toThrow(
        expect.objectContaining({ path: expect.stringMatching(/^argv/) }),
      );
    }
  });
});

const limits = (value: object): object => ({ limits: value });

describe('limits that are right', () => {
  it.each([
    { memory: '16m' },
    { memory: '256M', cpus: 0.01, pids: 4, io: '1m', openFiles: 3, fileSize: 0, output: 0, disk: '64k' },
    { memory: 16 * 1024 ** 2, io: { read: 1, write: '1k', readOperations: 1 }, wallMs: 1, cpuMs: 1 },
    { pids: 4_194_304, cpus: 4096, openFiles: 16_384, wallMs: 2 ** 31 - 1, memory: '1tb' },
    { cgroup: '/' },
    { cgroup: '/user.slice/my.slice', memory: undefined },
    {},
  ])('%o', (value) => {
    expect(refusal('Sandbox.create', limits(value))).toBeUndefined();
    expect(refusal('run', limits(value))).toBeUndefined();
  });
});

describe('limits that are wrong', () => {
  it.each([
    [{ memory: '1m' }, 'memory'],
    [{ memory: 16 * 1024 ** 2 - 1 }, 'memory'],
    [{ memory: '256 m' }, 'memory'],
    [{ memory: '1.5g' }, 'memory'],
    [{ memory: '-1' }, 'memory'],
    [{ memory: '99999999t' }, 'memory'],
    [{ memory: ['256m'] }, 'memory'],
    [{ cpus: 0 }, 'cpus'],
    [{ cpus: 0.001 }, 'cpus'],
    [{ cpus: 4097 }, 'cpus'],
    [{ cpus: '1' }, 'cpus'],
    [{ cpus: Number.NaN }, 'cpus'],
    [{ pids: 3 }, 'pids'],
    [{ pids: '64' }, 'pids'],
    [{ pids: 4_194_305 }, 'pids'],
    [{ io: 0 }, 'io'],
    [{ io: {}, pids: 0 }, 'pids'],
    [{ io: { read: 0 } }, 'io.read'],
    [{ io: { reads: 5 } }, 'io.reads'],
    [{ io: { readOperations: '5' } }, 'io.readOperations'],
    [{ io: { writeOperations: 2 ** 32 } }, 'io.writeOperations'],
    [{ openFiles: 2 }, 'openFiles'],
    [{ openFiles: 16_385 }, 'openFiles'],
    [{ openFiles: 'unlimited' }, 'openFiles'],
    [{ fileSize: -1 }, 'fileSize'],
    [{ output: 0.5 }, 'output'],
    [{ disk: '63k' }, 'disk'],
    [{ wallMs: 0 }, 'wallMs'],
    [{ wallMs: 2 ** 31 }, 'wallMs'],
    [{ cpuMs: 0 }, 'cpuMs'],
    [{ cpuMs: '5s' }, 'cpuMs'],
    [{ cgroup: 'my.slice' }, 'cgroup'],
    [{ cgroup: '/a/../b' }, 'cgroup'],
    [{ cgroup: '/a//b' }, 'cgroup'],
    [{ cgroup: '/a/' }, 'cgroup'],
    [{ cgroup: `/${'a'.repeat(1024)}` }, 'cgroup'],
    [{ processes: 5 }, 'processes'],
  ])('%o', (value, name) => {
    for (const operation of ['Sandbox.create', 'run'] as const)
      expect(refusal(operation, limits(value))).toMatchObject({
        code: 'ERR_INVALID_OPTION',
        path: `options.limits.${name}`,
        remedy: expect.stringMatching(/^Give .+\.$/),
      });
  });
});

describe('combinations', () => {
  it.each([
    [{ isolation: 'none', limits: { memory: '64m' } }, 'options.limits'],
    [{ isolation: 'none', limits: {} }, 'options.limits'],
    [{ isolation: 'none', hostname: 'x' }, 'options.hostname'],
    [{ isolation: 'none', user: { uid: 0, gid: 0 } }, 'options.user'],
    [{ isolation: 'none', scratchBytes: 2 ** 20 }, 'options.scratchBytes'],
    [{ limits: { openFiles: 5 }, rlimits: { nofile: 5 } }, 'options.limits.openFiles'],
    [{ limits: { fileSize: 5 }, rlimits: { fsize: 5 } }, 'options.limits.fileSize'],
    [{ limits: { disk: '1m' }, scratchBytes: 2 ** 20 }, 'options.limits.disk'],
    [{ allowWeaker: ['wallMs'] }, 'options.allowWeaker[0]'],
    [{ allowWeaker: new Array(100).fill('memory') }, 'options.allowWeaker'],
  ])('%o', (options, path) => {
    for (const operation of ['Sandbox.create', 'run'] as const)
      expect(refusal(operation, options)).toMatchObject({
        code: 'ERR_INVALID_OPTION',
        path,
        remedy: expect.stringMatching(/^Give .+\.$/),
      });
  });

  it.each([
    [{ limits: { openFiles: 5 }, rlimits: { nproc: 5 } }],
    [{ limits: { pids: 5 }, rlimits: { nproc: 5 }, allowWeaker: ['pids', 'memory', 'landlock'] }],
    [{ limits: { memory: '64m' }, scratchBytes: 2 ** 20 }],
  ])('%o go together', (options) => {
    expect(refusal('Sandbox.create', options)).toBeUndefined();
  });
});
