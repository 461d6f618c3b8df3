/** Writes the SandboxBlob of native/abi/sandbox.h: a sandbox as its keeper and its supervisors are told it. */
import { SandboxError } from './errors.js';
import { type Description, type Network, type RlimitValue, rlimitNumbers, weakerBits } from './isolation.js';
import { processorTimeFile } from './limits.js';
import { StringTable } from './string-table.js';

export const sandboxMagic = 0x58534342;
export const sandboxVersion = 1;
export const sandboxBlobSize = 384;
export const sandboxBlobMaximum = 256 * 1024;
export const sandboxMaximumMounts = 256;
export const sandboxMaximumGroups = 16;
export const sandboxMaximumSettings = 256;
export const settingOptional = 1 << 0;
const mountSize = 24;
const groupSize = 4;
const settingSize = 12;
const groupsOffset = 328;
const limitsOffset = 72;
const unlimited = 2n ** 64n - 1n;

export const networkNumbers: Record<Network, number> = { none: 0, loopback: 1, host: 2 };
export const writableNumbers = { none: 0, tmpfs: 1, directory: 2 } as const;
export const mountNumbers = { bind: 0, tmpfs: 1, readOnly: 1 << 0, noExec: 1 << 1 } as const;

const limit = (value: RlimitValue): bigint => (value === 'unlimited' ? unlimited : BigInt(value));

export function encodeSandboxBlob(description: Description): Buffer {
  const { mounts, user, writable, limits } = description;
  const { groups, settings } = limits;
  const table = Buffer.alloc(mounts.length * mountSize);
  const groupTable = Buffer.alloc(groups.length * groupSize);
  const settingTable = Buffer.alloc(settings.length * settingSize);
  const groupsAt = sandboxBlobSize + table.length;
  const settingsAt = groupsAt + groupTable.length;
  const strings = new StringTable(settingsAt + settingTable.length);

  for (const [index, mount] of mounts.entries()) {
    const at = index * mountSize;
    const bind = mount.kind === 'bind';
    table.writeUInt32LE(mountNumbers[mount.kind], at);
    table.writeUInt32LE(
      (bind && mount.readOnly ? mountNumbers.readOnly : 0) | (mount.noExec ? mountNumbers.noExec : 0),
      at + 4,
    );
    table.writeUInt32LE(bind ? strings.place(mount.source) : 0, at + 8);
    table.writeUInt32LE(strings.place(mount.target), at + 12);
    table.writeBigUInt64LE(bind ? 0n : BigInt(mount.sizeBytes), at + 16);
  }
  for (const [index, group] of groups.entries())
    groupTable.writeUInt32LE(strings.place(group), index * groupSize);
  for (const [index, { file, value, optional }] of settings.entries()) {
    const at = index * settingSize;
    settingTable.writeUInt32LE(strings.place(file), at);
    settingTable.writeUInt32LE(strings.place(value), at + 4);
    settingTable.writeUInt32LE(optional ? settingOptional : 0, at + 8);
  }
  const counter = limits.usage.cpuacct;
  const usage = limits.cpuMs === undefined || !counter ? 0 : strings.place(processorTimeFile(counter));
  const kind = writable === false ? 'none' : writable === 'tmpfs' ? 'tmpfs' : 'directory';
  const root = strings.place(description.root);
  const layer = typeof writable === 'object' ? strings.place(writable.directory) : 0;
  const hostname = strings.place(description.hostname);
  if (strings.size > sandboxBlobMaximum) {
    throw new SandboxError('ERR_INVALID_OPTION', 'Cannot create a sandbox: its paths are too long in all', {
      path: 'options.mounts',
      value: mounts.length,
      remedy: 'Use fewer mounts or shorter paths.',
    });
  }

  let limitsSet = 0;
  const head = Buffer.alloc(sandboxBlobSize);
  for (const [name, number] of Object.entries(rlimitNumbers)) {
    const value = description.rlimits[name as keyof typeof rlimitNumbers];
    if (value === undefined) continue;
    limitsSet |= 1 << number;
    head.writeBigUInt64LE(limit(value.soft), limitsOffset + number * 16);
    head.writeBigUInt64LE(limit(value.hard), limitsOffset + number * 16 + 8);
  }
  const words = [
    sandboxMagic,
    sandboxVersion,
    strings.size,
    description.allowWeaker.reduce(
      (bits, name) => bits | (name in weakerBits ? weakerBits[name as keyof typeof weakerBits] : 0),
      0,
    ),
    networkNumbers[description.network],
    writableNumbers[kind],
    root,
    layer,
    hostname,
    user.uid,
    user.gid,
    user.hostUid,
    user.hostGid,
    mounts.length === 0 ? 0 : sandboxBlobSize,
    mounts.length,
    limitsSet,
  ];
  for (const [index, word] of words.entries()) head.writeUInt32LE(word, index * 4);
  head.writeBigUInt64LE(BigInt(description.scratchBytes), 64);
  const groupWords = [
    groups.length === 0 ? 0 : groupsAt,
    groups.length,
    settings.length === 0 ? 0 : settingsAt,
    settings.length,
  ];
  for (const [index, word] of groupWords.entries()) head.writeUInt32LE(word, groupsOffset + index * 4);
  head.writeBigUInt64LE(BigInt(description.deadlineMs), groupsOffset + 16);
  head.writeBigUInt64LE(usage === 0 ? 0n : BigInt(limits.cpuMs ?? 0) * 1000n, groupsOffset + 24);
  head.writeUInt32LE(usage, groupsOffset + 32);
  head.writeUInt32LE(limits.oomAdjust, groupsOffset + 36);
  head.writeUInt32LE(description.knownIds, groupsOffset + 40);
  return Buffer.concat([head, table, groupTable, settingTable, ...strings.parts], strings.size);
}
