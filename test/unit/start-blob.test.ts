import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { SandboxError } from '../../lib/errors.js';
import {
  encodeStartBlob,
  startBlobMaximum,
  startBlobSize,
  startFd,
  startFlags,
  startMagic,
  startMaximumExtraFds,
  startVersion,
} from '../../lib/start-blob.js';

const header = readFileSync(new URL('../../native/abi/start.h', import.meta.url), 'utf8');

/** The value of `constexpr u32 NAME = ...;` in abi/start.h. */
function constant(name: string): number {
  const text = new RegExp(`constexpr (?:u32|int) ${name} = ([^;]+);`).exec(header)?.[1];
  const shift = /^1u << (\d+)$/.exec(text ?? '');
  return shift ? 1 << Number(shift[1]) : Number(text);
}

/** Field names and types of StartBlob, in order. */
function fields(): [string, string][] {
  const body = /struct StartBlob \{(.*?)\};/s.exec(header)?.[1] ?? '';
  return [...body.matchAll(/^\s*(u32|i32) (\w+)(?:\[\d+\])?;/gm)].map((match) => [
    match[1] ?? '',
    match[2] ?? '',
  ]);
}

const plain = { flags: 0, extraFds: 0, traceFd: -1, reportFd: 6, program: '/bin/true' };

describe('start blob', () => {
  it('agrees with abi/start.h on constants', () => {
    expect(startMagic).toBe(constant('kStartMagic'));
    expect(startVersion).toBe(constant('kStartVersion'));
    expect(startFlags.trace).toBe(constant('kStartTrace'));
    expect(startFlags.selfTest).toBe(constant('kStartSelfTest'));
    expect(startFlags.forceUserEntry).toBe(constant('kStartForceUserEntry'));
    expect(startFlags.searchPath).toBe(constant('kStartSearchPath'));
    expect(startFlags.terminal).toBe(constant('kStartTerminal'));
    expect(startFlags.fileLimit).toBe(constant('kStartFileLimit'));
    expect(startFlags.ringOn).toBe(constant('kStartRingOn'));
    expect(startFlags.ringAuto).toBe(constant('kStartRingAuto'));
    expect(startFlags.patchOn).toBe(constant('kStartPatchOn'));
    expect(startFlags.patchOff).toBe(constant('kStartPatchOff'));
    expect(startFlags.answersOn).toBe(constant('kStartAnswersOn'));
    expect(startFlags.answersOff).toBe(constant('kStartAnswersOff'));
    expect(header).toContain(`static_assert(sizeof(StartBlob) == ${startBlobSize})`);
    expect(header).toContain(`0..${startMaximumExtraFds}: how many`);
    expect(header).toContain(`//   fd ${startFd.kvm}      /dev/kvm`);
    expect(header).toContain(`//   fd ${startFd.blob}      a memfd`);
    expect(header).toContain(`//   fd ${startFd.image}      the monitor's own image`);
    expect(header).toContain(`//   fd ${startFd.firstExtra}..    `);
  });

  it('agrees with abi/start.h on the order of fields', () => {
    expect(fields().map(([, name]) => name)).toEqual([
      'magic',
      'version',
      'size',
      'flags',
      'extra_fds',
      'trace_fd',
      'report_fd',
      'program',
      'cwd',
      'sandbox_fd',
      'file_soft',
      'file_hard',
      'policy_fd',
      'numbers',
      'filter',
      'filter_length',
      'intercept_fd',
      'intercept_calls',
      'counters_fd',
      'events_fd',
      'program_id',
      'breach_fd',
      'chaos_fd',
      'debug_fd',
    ]);
    expect(fields().filter(([type]) => type === 'i32')).toEqual([
      ['i32', 'trace_fd'],
      ['i32', 'report_fd'],
    ]);
  });

  it('places the strings behind the head, NUL-terminated', () => {
    const blob = encodeStartBlob({
      ...plain,
      flags: startFlags.trace,
      extraFds: 2,
      traceFd: 9,
      cwd: '/tmp/ä',
      sandboxFd: 12,
      fileLimit: { soft: 13, hard: 14 },
      chaosFd: 15,
    });
    expect(blob.readUInt32LE(0)).toBe(startMagic);
    expect(blob.readUInt32LE(8)).toBe(blob.length);
    expect(blob.readUInt32LE(12)).toBe(1 | (1 << 5));
    expect(blob.readUInt32LE(16)).toBe(2);
    expect(blob.readInt32LE(20)).toBe(9);
    expect(blob.readInt32LE(24)).toBe(6);
    const text = (offset: number): string => blob.toString('utf8', offset, blob.indexOf(0, offset));
    expect(text(blob.readUInt32LE(28))).toBe('/bin/true');
    expect(text(blob.readUInt32LE(32))).toBe('/tmp/ä');
    expect(blob.readUInt32LE(36)).toBe(12);
    expect([blob.readUInt32LE(40), blob.readUInt32LE(44)]).toEqual([13, 14]);
    expect(blob.subarray(48, 88).every((byte) => byte === 0)).toBe(true);
    expect(blob.readUInt32LE(88)).toBe(15);
  });

  it('numbers the descriptors of the guest, aligned', () => {
    const blob = encodeStartBlob({ ...plain, extraFds: 2, program: '/x', numbers: [5, 63] });
    const offset = blob.readUInt32LE(52);
    expect(offset % 4).toBe(0);
    expect(blob.readUInt32LE(8)).toBe(blob.length);
    expect([blob.readUInt32LE(offset), blob.readUInt32LE(offset + 4)]).toEqual([5, 63]);
    expect(blob).toHaveLength(offset + 8);
    expect(encodeStartBlob(plain).readUInt32LE(52)).toBe(0);
  });

  it('has the calls to intercept behind the numbers', () => {
    const interceptCalls = Buffer.alloc(64, 0xa5);
    const blob = encodeStartBlob({ ...plain, numbers: [5], extraFds: 1, interceptFd: 9, interceptCalls });
    expect(blob.readUInt32LE(64)).toBe(9);
    const offset = blob.readUInt32LE(68);
    expect(offset).toBe(blob.readUInt32LE(52) + 4);
    expect(blob.subarray(offset)).toEqual(interceptCalls);
    expect(blob.readUInt32LE(8)).toBe(blob.length);
  });

  it('says 0 for no working directory and -1 for no trace', () => {
    const blob = encodeStartBlob(plain);
    expect(blob.readUInt32LE(32)).toBe(0);
    expect(blob.readInt32LE(20)).toBe(-1);
    expect(blob.readUInt32LE(36)).toBe(0);
  });

  it('refuses what would pass 64 KiB', () => {
    expect(() => encodeStartBlob({ ...plain, program: 'x'.repeat(startBlobMaximum) })).toThrow(SandboxError);
    const most = startBlobMaximum - startBlobSize - 1;
    expect(encodeStartBlob({ ...plain, program: 'x'.repeat(most) })).toHaveLength(startBlobMaximum);
  });
});
