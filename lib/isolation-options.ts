/** Validation of the options that describe a sandbox; see lib/isolation.ts for what they mean. */
import { lstatSync } from 'node:fs';
import { imageRule } from './image/options.js';
import { rlimitNumbers, weakerBits } from './isolation.js';
import { limits } from './limit-options.js';
import { weakenable } from './limits.js';
import {
  directory,
  flag,
  listOf,
  oneOf,
  path,
  type Rule,
  record,
  rule,
  wholeFrom,
  within,
} from './option-rules.js';
import { sandboxMaximumMounts } from './sandbox-blob.js';

const longestPath = 4095;
const longestHostname = 64;
const greatestId = 2 ** 32 - 2;
const most = Number.MAX_SAFE_INTEGER;

const isShort = (value: unknown): boolean => Buffer.byteLength(value as string) <= longestPath;

const existing: Rule = (value) => {
  const problem = path(value);
  if (problem) return problem;
  const give = `the path, of at most ${longestPath} bytes, of a file or directory that this user can reach`;
  try {
    lstatSync(value as string);
    return isShort(value) ? undefined : { give };
  } catch (error) {
    return { give: `${give}; this gives ${(error as NodeJS.ErrnoException).code}` };
  }
};

const isAbsolute = (value: unknown): value is string =>
  typeof value === 'string' && value.startsWith('/') && !value.includes('\0') && isShort(value);

/** An absolute path in a sandbox, where this process cannot look. */
export const directoryInside = rule(isAbsolute, 'an absolute path, since it is one inside the sandbox');

const target = rule(
  (value) =>
    isAbsolute(value) &&
    value
      .slice(1)
      .split('/')
      .every((part, index) => part !== '' && part !== '.' && part !== '..' && (index > 0 || part !== 'proc')),
  'an absolute path below / and not in /proc, without "//", "." and "..", that does not end in "/"',
);

const bindMount = record({ source: existing, target, readOnly: flag, noExec: flag }, ['source', 'target']);
const tmpfsMount = record({ tmpfs: target, sizeBytes: wholeFrom(4096, most), noExec: flag }, ['tmpfs']);
const mount: Rule = (value) =>
  typeof value === 'object' && value !== null && 'tmpfs' in value ? tmpfsMount(value) : bindMount(value);

/** One of some words, or an object. */
const wordOr =
  (words: readonly unknown[], other: Rule, description: string): Rule =>
  (value) => {
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return other(value);
    return words.includes(value)
      ? undefined
      : { give: `${words.map((word) => JSON.stringify(word)).join(', ')} or ${description}` };
  };

const layer = wordOr([false, 'tmpfs'], record({ directory }, ['directory']), '{ directory }');
const folderRootfs = record({ directory, writable: layer }, ['directory']);
const imageRootfs = record({ image: imageRule, writable: layer }, ['image']);
const rootfs = wordOr(
  ['host'],
  (value) => ('image' in (value as object) ? imageRootfs : folderRootfs)(value),
  '{ directory, writable } or { image, writable }',
);

const hostname = rule(
  (value) =>
    typeof value === 'string' &&
    value.length <= longestHostname &&
    /^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/.test(value),
  `up to ${longestHostname} letters, digits, "." and "-", with a letter or digit at both ends`,
);

const id = wholeFrom(0, greatestId);

const limitValue = rule(
  (value) => value === 'unlimited' || (Number.isSafeInteger(value) && (value as number) >= 0),
  'a whole number from 0 on or "unlimited"',
);

const limit: Rule = (value) => {
  if (typeof value !== 'object' || value === null)
    return limitValue(value) && { give: 'a whole number from 0 on, "unlimited" or { soft, hard }' };
  const problem = record({ soft: limitValue, hard: limitValue }, ['soft', 'hard'])(value);
  if (problem) return problem;
  const { soft, hard } = value as { soft: number | 'unlimited'; hard: number | 'unlimited' };
  const above = hard !== 'unlimited' && (soft === 'unlimited' || soft > hard);
  return above ? within('.soft', soft, { give: `at most the hard limit, ${hard}` }) : undefined;
};

const weakerNames = [...Object.keys(weakerBits), ...weakenable];

export const isolationRules: Record<string, Rule> = {
  isolation: oneOf('full', 'none'),
  rootfs,
  mounts: listOf(mount, sandboxMaximumMounts),
  network: oneOf('none', 'loopback', 'host'),
  hostname,
  user: record({ uid: id, gid: id, hostUid: id, hostGid: id }, ['uid', 'gid']),
  rlimits: record(Object.fromEntries(['nofile', ...Object.keys(rlimitNumbers)].map((name) => [name, limit]))),
  scratchBytes: wholeFrom(64 * 1024, most),
  limits,
  allowWeaker: listOf(oneOf(...weakerNames), weakerNames.length),
};
