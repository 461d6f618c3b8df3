import { constants } from 'node:buffer';
import { describe, expect, it } from 'vitest';
import { validateArgv, validateOptions } from '../../lib/options.js';

const { signal } = new AbortController();
const full = { isolation: 'full' } as const;

describe('options that are right', () => {
  it.each([
    ['Sandbox.spawn', undefined],
    ['Sandbox.spawn', {}],
    ['Sandbox.spawn', { cwd: undefined, stdio: undefined }],
    [
      'Sandbox.spawn',
      { cwd: '/tmp', env: { A: 'b', C: undefined }, timeoutMs: 0, killSignal: 'SIGTERM', argv0: '' },
    ],
    ['Sandbox.spawn', { stdio: 'inherit' }],
    ['Sandbox.spawn', { stdio: [] }],
    [
      'Sandbox.spawn',
      { stdio: ['pipe', 1, 'ignore', 5, 6], signal, newSession: true, keepBackground: false, traceFd: 2 },
    ],
    ['Sandbox.exec', { input: 'x', encoding: 'buffer', maxOutputBytes: 0, killSignal: 64 }],
    ['Sandbox.exec', { input: ['a', new Uint8Array(2)], maxOutputBytes: constants.MAX_STRING_LENGTH }],
    ['Sandbox.exec', { input: process.stdin, signal: { aborted: false, addEventListener() {} } }],
    ['Sandbox.exec', { input: new Blob(['x']).stream() }],
    ['Sandbox.spawn', { stdio: [undefined, 'pipe'], killSignal: 'SIGRTMIN+3' }],
    ['Sandbox.exec', { input: new Uint8Array(2), encoding: 'utf8', timeoutMs: 2 ** 31 - 1 }],
    ['run', { kvmDevice: '/dev/kvm', input: '' }],
    ['Sandbox.create', { kvmDevice: '/dev/kvm', maxOutputBytes: 1, cwd: '.', isolation: 'none' }],
    ['doctor', { kvmDevice: '/x' }],
    ['Sandbox.create', { isolation: 'none' }],
    ['Sandbox.create', { ...full, rootfs: 'host', network: 'host', hostname: 'a.b-c', cwd: '/not/here' }],
    ['Sandbox.create', { ...full, rootfs: { directory: '/usr', writable: 'tmpfs' }, scratchBytes: 65536 }],
    ['Sandbox.create', { ...full, rootfs: { directory: '.', writable: { directory: '/tmp' } } }],
    [
      'Sandbox.create',
      { ...full, mounts: [{ source: '/etc/passwd', target: '/a/b', readOnly: false, noExec: true }] },
    ],
    ['Sandbox.create', { ...full, mounts: [{ tmpfs: '/a', sizeBytes: 4096 }, { tmpfs: '/b' }] }],
    ['Sandbox.create', { ...full, user: { uid: 0, gid: 4294967294, hostUid: 5, hostGid: 6 } }],
    [
      'Sandbox.create',
      { ...full, rlimits: { nofile: 5, core: 'unlimited', cpu: { soft: 1, hard: 'unlimited' } } },
    ],
    ['Sandbox.create', { ...full, allowWeaker: ['landlock', 'sysfs'] }],
    ['run', { ...full, network: 'loopback', cwd: '/x', input: '' }],
  ] as const)('%s %o', (kind, options) => {
    expect(() => validateOptions(kind, options)).not.toThrow();
  });
});

describe('options that are wrong', () => {
  it.each([
    ['Sandbox.spawn', null, 'options'],
    ['Sandbox.spawn', [], 'options'],
    ['Sandbox.spawn', 'pipe', 'options'],
    ['Sandbox.spawn', { timeout: 3 }, 'options.timeout'],
    ['Sandbox.spawn', { toString: 3 }, 'options.toString'],
    ['Sandbox.spawn', { input: 'x' }, 'options.input'],
    ['Sandbox.spawn', { cwd: '' }, 'options.cwd'],
    ['Sandbox.spawn', { cwd: 3 }, 'options.cwd'],
    ['Sandbox.spawn', { cwd: '/tmp\0' }, 'options.cwd'],
    ['Sandbox.spawn', { cwd: '/no/such/folder' }, 'options.cwd'],
    ['Sandbox.spawn', { cwd: '/etc/passwd' }, 'options.cwd'],
    ['Sandbox.spawn', { cwd: '/etc/passwd/x' }, 'options.cwd'],
    ['Sandbox.spawn', { env: [] }, 'options.env'],
    ['Sandbox.spawn', { env: null }, 'options.env'],
    ['Sandbox.spawn', { env: new Map([['A', 'x']]) }, 'options.env'],
    ['Sandbox.spawn', { env: { '': 'x' } }, 'options.env.'],
    ['Sandbox.spawn', { env: { 'A=B': 'x' } }, 'options.env.A=B'],
    ['Sandbox.spawn', { env: { 'A\0': 'x' } }, 'options.env.A\0'],
    ['Sandbox.spawn', { env: { A: 'x\0' } }, 'options.env.A'],
    ['Sandbox.spawn', { env: { B: '', A: 3 } }, 'options.env.A'],
    ['Sandbox.spawn', { env: { A: null } }, 'options.env.A'],
    ['Sandbox.spawn', { timeoutMs: -1 }, 'options.timeoutMs'],
    ['Sandbox.spawn', { timeoutMs: 1.5 }, 'options.timeoutMs'],
    ['Sandbox.spawn', { timeoutMs: '5' }, 'options.timeoutMs'],
    ['Sandbox.spawn', { timeoutMs: Number.NaN }, 'options.timeoutMs'],
    ['Sandbox.spawn', { timeoutMs: 2 ** 31 }, 'options.timeoutMs'],
    ['Sandbox.spawn', { killSignal: 'TERM' }, 'options.killSignal'],
    ['Sandbox.spawn', { killSignal: 0 }, 'options.killSignal'],
    ['Sandbox.spawn', { killSignal: 65 }, 'options.killSignal'],
    ['Sandbox.spawn', { argv0: 'a\0' }, 'options.argv0'],
    ['Sandbox.spawn', { stdio: 'pipes' }, 'options.stdio'],
    ['Sandbox.spawn', { stdio: 1 }, 'options.stdio'],
    ['Sandbox.spawn', { stdio: ['pipe', -1] }, 'options.stdio[1]'],
    ['Sandbox.spawn', { stdio: ['pipe', 1.5] }, 'options.stdio[1]'],
    ['Sandbox.spawn', { stdio: ['pipe', null] }, 'options.stdio[1]'],
    ['Sandbox.spawn', { stdio: ['pipe', 'pipe', 'pipe', 'pipe'] }, 'options.stdio[3]'],
    ['Sandbox.spawn', { stdio: ['pipe', 'pipe', 'pipe', null] }, 'options.stdio[3]'],
    ['Sandbox.spawn', { stdio: new Array(1004).fill(0) }, 'options.stdio'],
    ['Sandbox.spawn', { signal: {} }, 'options.signal'],
    ['Sandbox.spawn', { newSession: 'yes' }, 'options.newSession'],
    ['Sandbox.spawn', { keepBackground: 1 }, 'options.keepBackground'],
    ['Sandbox.spawn', { traceFd: '2' }, 'options.traceFd'],
    ['Sandbox.exec', { stdio: 'pipe' }, 'options.stdio'],
    ['Sandbox.exec', { input: 3 }, 'options.input'],
    ['Sandbox.exec', { input: null }, 'options.input'],
    ['Sandbox.exec', { input: {} }, 'options.input'],
    ['Sandbox.exec', { input: () => 'x' }, 'options.input'],
    ['Sandbox.exec', { encoding: 'latin1' }, 'options.encoding'],
    ['Sandbox.exec', { maxOutputBytes: -1 }, 'options.maxOutputBytes'],
    ['Sandbox.exec', { maxOutputBytes: Number.POSITIVE_INFINITY }, 'options.maxOutputBytes'],
    ['Sandbox.exec', { maxOutputBytes: constants.MAX_STRING_LENGTH + 1 }, 'options.maxOutputBytes'],
    ['run', { kvmDevice: '' }, 'options.kvmDevice'],
    ['Sandbox.create', { kvmDevice: 5 }, 'options.kvmDevice'],
    ['Sandbox.create', { signal }, 'options.signal'],
    ['Sandbox.create', { isolation: 'some' }, 'options.isolation'],
    ['Sandbox.create', { isolation: true }, 'options.isolation'],
    ['Sandbox.create', { isolation: 'none', rootfs: 'host' }, 'options.rootfs'],
    ['Sandbox.create', { isolation: 'none', mounts: [] }, 'options.mounts'],
    ['Sandbox.create', { isolation: 'none', network: 'host' }, 'options.network'],
    ['Sandbox.create', { isolation: 'none', rlimits: {} }, 'options.rlimits'],
    ['Sandbox.create', { isolation: 'none', allowWeaker: [] }, 'options.allowWeaker'],
    ['Sandbox.create', { cwd: 'relative' }, 'options.cwd'],
    ['Sandbox.create', { ...full, rootfs: '/' }, 'options.rootfs'],
    ['Sandbox.create', { ...full, rootfs: [] }, 'options.rootfs'],
    ['Sandbox.create', { ...full, rootfs: null }, 'options.rootfs'],
    ['Sandbox.create', { ...full, rootfs: {} }, 'options.rootfs.directory'],
    ['Sandbox.create', { ...full, rootfs: { directory: '/no/such' } }, 'options.rootfs.directory'],
    ['Sandbox.create', { ...full, rootfs: { directory: '/etc/passwd' } }, 'options.rootfs.directory'],
    ['Sandbox.create', { ...full, rootfs: { directory: '/', writable: true } }, 'options.rootfs.writable'],
    [
      'Sandbox.create',
      { ...full, rootfs: { directory: '/', writable: {} } },
      'options.rootfs.writable.directory',
    ],
    ['Sandbox.create', { ...full, rootfs: { directory: '/', readOnly: true } }, 'options.rootfs.readOnly'],
    ['Sandbox.create', { ...full, mounts: {} }, 'options.mounts'],
    ['Sandbox.create', { ...full, mounts: new Array(257).fill({ tmpfs: '/a' }) }, 'options.mounts'],
    ['Sandbox.create', { ...full, mounts: ['/a:/b'] }, 'options.mounts[0]'],
    ['Sandbox.create', { ...full, mounts: [{}] }, 'options.mounts[0].source'],
    ['Sandbox.create', { ...full, mounts: [{ source: '/etc' }] }, 'options.mounts[0].target'],
    [
      'Sandbox.create',
      { ...full, mounts: [{ source: '/no/such', target: '/a' }] },
      'options.mounts[0].source',
    ],
    ['Sandbox.create', { ...full, mounts: [{ source: '/etc', target: 'a' }] }, 'options.mounts[0].target'],
    ['Sandbox.create', { ...full, mounts: [{ source: '/etc', target: '/' }] }, 'options.mounts[0].target'],
    [
      'Sandbox.create',
      { ...full, mounts: [{ source: '/etc', target: '/a/../b' }] },
      'options.mounts[0].target',
    ],
    ['Sandbox.create', { ...full, mounts: [{ source: '/etc', target: '/a/' }] }, 'options.mounts[0].target'],
    [
      'Sandbox.create',
      { ...full, mounts: [{ source: '/etc', target: '/proc/sys' }] },
      'options.mounts[0].target',
    ],
    ['Sandbox.create', { ...full, mounts: [{ source: '/etc', target: '/a\0' }] }, 'options.mounts[0].target'],
    [
      'Sandbox.create',
      { ...full, mounts: [{ source: '/etc', target: `/${'a'.repeat(4095)}` }] },
      'options.mounts[0].target',
    ],
    [
      'Sandbox.create',
      { ...full, mounts: [{ source: '/etc', target: '/a', readOnly: 'no' }] },
      'options.mounts[0].readOnly',
    ],
    ['Sandbox.create', { ...full, mounts: [{ tmpfs: '/a' }, { tmpfs: 3 }] }, 'options.mounts[1].tmpfs'],
    ['Sandbox.create', { ...full, mounts: [{ tmpfs: '/a', sizeBytes: 0 }] }, 'options.mounts[0].sizeBytes'],
    ['Sandbox.create', { ...full, mounts: [{ tmpfs: '/a', source: '/etc' }] }, 'options.mounts[0].source'],
    ['Sandbox.create', { ...full, network: 'bridge' }, 'options.network'],
    ['Sandbox.create', { ...full, hostname: '' }, 'options.hostname'],
    ['Sandbox.create', { ...full, hostname: 'a_b' }, 'options.hostname'],
    ['Sandbox.create', { ...full, hostname: 'a'.repeat(65) }, 'options.hostname'],
    ['Sandbox.create', { ...full, user: 1000 }, 'options.user'],
    ['Sandbox.create', { ...full, user: { uid: 1 } }, 'options.user.gid'],
    ['Sandbox.create', { ...full, user: { uid: -1, gid: 0 } }, 'options.user.uid'],
    ['Sandbox.create', { ...full, user: { uid: 0, gid: 4294967295 } }, 'options.user.gid'],
    ['Sandbox.create', { ...full, rlimits: [] }, 'options.rlimits'],
    ['Sandbox.create', { ...full, rlimits: { files: 3 } }, 'options.rlimits.files'],
    ['Sandbox.create', { ...full, rlimits: { nofile: -1 } }, 'options.rlimits.nofile'],
    ['Sandbox.create', { ...full, rlimits: { nofile: { soft: 3 } } }, 'options.rlimits.nofile.hard'],
    ['Sandbox.create', { ...full, rlimits: { nofile: { soft: 3, hard: 2 } } }, 'options.rlimits.nofile.soft'],
    [
      'Sandbox.create',
      { ...full, rlimits: { cpu: { soft: 'unlimited', hard: 2 } } },
      'options.rlimits.cpu.soft',
    ],
    ['Sandbox.create', { ...full, scratchBytes: 1024 }, 'options.scratchBytes'],
    ['Sandbox.create', { ...full, allowWeaker: 'landlock' }, 'options.allowWeaker'],
    ['Sandbox.create', { ...full, allowWeaker: ['everything'] }, 'options.allowWeaker[0]'],
    ['run', { ...full, cwd: 'x' }, 'options.cwd'],
  ] as const)('%s %o', (kind, options, path) => {
    expect(() => validateOptions(kind, options)).toThrow(
      expect.objectContaining({
        name: 'SandboxError',
        code: 'ERR_INVALID_OPTION',
        path,
        remedy: expect.stringMatching(/^(Give|Options are:) .+\.$/),
      }),
    );
  });

  it.each([
    [
      { timeoutMs: -5 },
      'options.timeoutMs cannot be -5. Give whole milliseconds from 0 (no limit) to 2147483647.',
    ],
    [{ env: { A: 1n } }, 'options.env.A cannot be 1. Give a string without NUL bytes.'],
    [
      { cwd: '/none' },
      'options.cwd cannot be "/none". Give a directory that this user can enter; this gives ENOENT.',
    ],
    [{ signal: () => {} }, 'options.signal cannot be a function. Give an AbortSignal.'],
    [
      { tty: 1 },
      'there is no options.tty. Options are: cwd, env, timeoutMs, killSignal, argv0, signal, input, encoding, maxOutputBytes.',
    ],
  ])('says call, option, value and remedy: %o', (options, message) => {
    expect(() => validateOptions('Sandbox.exec', options)).toThrow(`Sandbox.exec: ${message}`);
  });

  it('has the value that is wrong', () => {
    expect(() => validateOptions('Sandbox.spawn', { env: { A: 3 } })).toThrow(
      expect.objectContaining({ value: 3 }),
    );
    expect(() => validateOptions('Sandbox.spawn', { stdio: ['x'] })).toThrow(
      expect.objectContaining({ value: 'x' }),
    );
  });
});

describe('options of a program in a sandbox', () => {
  it('have a working directory inside, and keep nothing in the background', () => {
    expect(() => validateOptions('Sandbox.spawn', { cwd: '/only/there' }, true)).not.toThrow();
    expect(() => validateOptions('Sandbox.exec', { cwd: 'there' }, true)).toThrow(
      expect.objectContaining({ path: 'options.cwd' }),
    );
    expect(() => validateOptions('Sandbox.spawn', { keepBackground: true }, true)).toThrow(
      expect.objectContaining({ path: 'options.keepBackground' }),
    );
  });
});

describe('argv', () => {
  it.each([[['a']], [['a', '', 'ä']], [['']]])('%j is right', (argv) => {
    expect(() => validateArgv('run', argv)).not.toThrow();
  });

  it.each([
    [undefined, 'argv'],
    ['ls', 'argv'],
    [[], 'argv'],
    [[1], 'argv[0]'],
    [['a', 'b\0c'], 'argv[1]'],
    [['a', undefined], 'argv[1]'],
  ])('%j is wrong', (argv, path) => {
    expect(() => validateArgv('run', argv)).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_OPTION', path }),
    );
  });
});
