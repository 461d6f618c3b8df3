import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { describe as describeSandbox, rlimitNumbers, weakerBits } from '../../lib/isolation.js';
import {
  encodeSandboxBlob,
  mountNumbers,
  networkNumbers,
  sandboxBlobMaximum,
  sandboxBlobSize,
  sandboxMagic,
  sandboxMaximumGroups,
  sandboxMaximumMounts,
  sandboxMaximumSettings,
  sandboxVersion,
  settingOptional,
  writableNumbers,
} from '../../lib/sandbox-blob.js';

const header = readFileSync(new URL('../../native/abi/sandbox.h', import.meta.url), 'utf8');
const kernel = readFileSync('/usr/include/asm-generic/resource.h', 'utf8');

/** The value of `constexpr u32 NAME = ...;` in abi/sandbox.h. */
function constant(name: string): number {
  const text = new RegExp(`constexpr u32 ${name} = ([^;]+);`).exec(header)?.[1] ?? '';
  const shift = /^(\d+)u? << (\d+)$/.exec(text);
  return shift ? Number(shift[1]) << Number(shift[2]) : Number(text);
}

/** Offsets of the fields of SandboxBlob, by their order and types. */
function offsets(): Record<string, number> {
  const body = /struct SandboxBlob \{(.*?)\n\};/s.exec(header)?.[1] ?? '';
  const sizes: Record<string, number> = { u32: 4, u64: 8, SandboxLimit: 16 };
  const result: Record<string, number> = {};
  let at = 0;
  for (const [, type = '', name = '', count] of body.matchAll(
    /^\s*(u32|u64|SandboxLimit) (\w+)(?:\[(\w+)\])?;/gm,
  )) {
    result[name] = at;
    at += (sizes[type] ?? 0) * (count === undefined ? 1 : count === 'kSandboxLimits' ? 16 : Number(count));
  }
  result.end = at;
  return result;
}

describe('sandbox blob', () => {
  it('agrees with abi/sandbox.h on constants', () => {
    expect(sandboxMagic).toBe(constant('kSandboxMagic'));
    expect(sandboxVersion).toBe(constant('kSandboxVersion'));
    expect(sandboxBlobMaximum).toBe(constant('kSandboxMaximum'));
    expect(sandboxMaximumMounts).toBe(constant('kSandboxMounts'));
    expect(sandboxMaximumGroups).toBe(constant('kSandboxGroups'));
    expect(sandboxMaximumSettings).toBe(constant('kSandboxSettings'));
    expect(settingOptional).toBe(constant('kSettingOptional'));
    expect(weakerBits).toEqual({ landlock: constant('kWeakerLandlock'), sysfs: constant('kWeakerSysfs') });
    expect(networkNumbers).toEqual({
      none: constant('kNetworkNone'),
      loopback: constant('kNetworkLoopback'),
      host: constant('kNetworkHost'),
    });
    expect(writableNumbers).toEqual({
      none: constant('kWritableNone'),
      tmpfs: constant('kWritableTmpfs'),
      directory: constant('kWritableDirectory'),
    });
    expect(mountNumbers).toEqual({
      bind: constant('kMountBind'),
      tmpfs: constant('kMountTmpfs'),
      readOnly: constant('kMountReadOnly'),
      noExec: constant('kMountNoExec'),
    });
    expect(offsets().end).toBe(sandboxBlobSize);
  });

  it.each(Object.entries(rlimitNumbers))('has the kernel’s number for %s', (name, number) => {
    const found = new RegExp(`define RLIMIT_${name.toUpperCase()}\\s+(\\d+)`).exec(kernel)?.[1];
    expect(number).toBe(Number(found));
  });

  it('says everything in its place', () => {
    const blob = encodeSandboxBlob({
      root: '/r',
      writable: { directory: '/l' },
      mounts: [
        { kind: 'bind', source: '/s', target: '/t', readOnly: true, noExec: false },
        { kind: 'tmpfs', target: '/u', sizeBytes: 2 ** 40, noExec: true },
      ],
      network: 'loopback',
      hostname: 'häus',
      user: { uid: 1, gid: 2, hostUid: 3, hostGid: 4_294_967_294 },
      rlimits: { nproc: { soft: 5, hard: 'unlimited' }, nofile: { soft: 1, hard: 2 } },
      scratchBytes: 2 ** 41,
      allowWeaker: ['sysfs', 'memory'],
      limits: {
        groups: ['/g/1', '/g/2'],
        settings: [
          { file: '/g/1/memory.max', value: '77' },
          { file: '/g/1/memory.swap.max', value: '0', optional: true },
        ],
        usage: { cpuacct: { version: 2, directory: '/g/2' } },
        cpuMs: 5,
        rlimits: {},
        oomAdjust: 500,
        keepers: {},
      },
      deadlineMs: 2 ** 42,
      knownIds: 65_536,
    });
    const at = offsets();
    const word = (name: string): number => blob.readUInt32LE(at[name] ?? -1);
    const text = (offset: number): string => blob.toString('utf8', offset, blob.indexOf(0, offset));
    expect(word('size')).toBe(blob.length);
    expect(word('id_count')).toBe(65_536);
    expect([word('weaker'), word('network'), word('writable')]).toEqual([2, 1, 2]);
    expect([text(word('root')), text(word('layer')), text(word('hostname'))]).toEqual(['/r', '/l', 'häus']);
    expect([word('uid'), word('gid'), word('host_uid'), word('host_gid')]).toEqual([1, 2, 3, 4_294_967_294]);
    expect(word('limits_set')).toBe(1 << 6);
    expect(blob.readBigUInt64LE((at.limits ?? 0) + 6 * 16)).toBe(5n);
    expect(blob.readBigUInt64LE((at.limits ?? 0) + 6 * 16 + 8)).toBe(2n ** 64n - 1n);
    expect(blob.readBigUInt64LE(at.scratch_size)).toBe(2n ** 41n);
    expect(word('mount_count')).toBe(2);
    const table = word('mounts');
    expect(table % 8).toBe(0);
    expect([0, 4].map((field) => blob.readUInt32LE(table + field))).toEqual([0, 1]);
    expect([8, 12].map((field) => text(blob.readUInt32LE(table + field)))).toEqual(['/s', '/t']);
    expect([24, 28, 32].map((field) => blob.readUInt32LE(table + field))).toEqual([1, 2, 0]);
    expect(text(blob.readUInt32LE(table + 36))).toBe('/u');
    expect(blob.readBigUInt64LE(table + 40)).toBe(2n ** 40n);
    expect([word('group_count'), word('setting_count'), word('oom_adjust')]).toEqual([2, 2, 500]);
    expect([0, 4].map((entry) => text(blob.readUInt32LE(word('groups') + entry)))).toEqual(['/g/1', '/g/2']);
    const setting = (index: number): unknown[] => {
      const entry = word('settings') + index * 12;
      const [file = 0, value = 0, flags] = [0, 4, 8].map((field) => blob.readUInt32LE(entry + field));
      return [text(file), text(value), flags];
    };
    expect(setting(0)).toEqual(['/g/1/memory.max', '77', 0]);
    expect(setting(1)).toEqual(['/g/1/memory.swap.max', '0', settingOptional]);
    expect(blob.readBigUInt64LE(at.deadline_ms)).toBe(2n ** 42n);
    expect(blob.readBigUInt64LE(at.cpu_us)).toBe(5000n);
    expect(text(word('cpu_usage'))).toBe('/g/2/cpu.stat');
  });

  it('refuses what would be too large', () => {
    const mounts = Array.from({ length: 100 }, () => ({
      kind: 'bind' as const,
      source: `/${'s'.repeat(4000)}`,
      target: '/t',
      readOnly: true,
      noExec: false,
    }));
    expect(() => encodeSandboxBlob({ ...describeSandbox({}), mounts })).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_OPTION', path: 'options.mounts' }),
    );
  });
});
