/** Writes the SandboxBlob of native/abi/sandbox.h: a sandbox as its keeper and its supervisors are told it. */
import { SandboxError } from './errors.js';
import { type Description, type Network, type RlimitValue, rlimitNumbers, weakerBits } from './isolation.js';
import { StringTable } from './string-table.js';

export const sandboxMagic = 0x58534342;
export const sandboxVersion = 1;
export const sandboxBlobSize = 344;
export const sandboxBlobMaximum = 256 * 1024;
export const sandboxMaximumMounts = 256;
const mountSize = 24;
const limitsOffset = 72;
const unlimited = 2n ** 64n - 1n;

export const networkNumbers: Record<Network, number> = { none: 0, loopback: 1, host: 2 };
export const writableNumbers = { none: 0, tmpfs: 1, directory: 2 } as const;
export const mountNumbers = { bind: 0, tmpfs: 1, readOnly: 1 << 0, noExec: 1 << 1 } as const;

const limit = (value: RlimitValue): bigint => (value === 'unlimited' ? unlimited : BigInt(value));

export function encodeSandboxBlob(description: Description): Buffer {
  const { mounts, user, writable } = description;
  const table = Buffer.alloc(mounts.length * mountSize);
  const strings = new StringTable(sandboxBlobSize + table.length);

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
    description.allowWeaker.reduce((bits, name) => bits | weakerBits[name], 0),
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
  return Buffer.concat([head, table, ...strings.parts], strings.size);
}
