/** Validation of the limits of a sandbox; see lib/limits.ts for what they mean. */
import type { IsolationOptions } from './isolation.js';
import { greatestOpenFiles, type LimitName, parseAmount } from './limits.js';
import { type Problem, type Rule, record, rule, wholeFrom, within } from './option-rules.js';

const most = Number.MAX_SAFE_INTEGER;
const leastMemory = 16 * 1024 ** 2;

const amountFrom = (least: number, greatest = most): Rule =>
  rule((value) => {
    const amount = parseAmount(value);
    return amount !== undefined && amount >= least && amount <= greatest;
  }, `bytes, a whole number from ${least} to ${greatest} or text like "256m" (k, m, g, t)`);

const cpus = rule(
  (value) => typeof value === 'number' && value >= 0.01 && value <= 4096,
  'a number of processors from 0.01 to 4096',
);

const perSecond = record({
  read: amountFrom(1),
  write: amountFrom(1),
  readOperations: wholeFrom(1, 2 ** 32 - 1),
  writeOperations: wholeFrom(1, 2 ** 32 - 1),
});
const io: Rule = (value) =>
  typeof value === 'object' && value !== null
    ? perSecond(value)
    : amountFrom(1)(value) && {
        give: 'bytes per second, or { read, write, readOperations, writeOperations }',
      };

const group = rule(
  (value) =>
    typeof value === 'string' &&
    value.length < 1024 &&
    !value.includes('\0') &&
    (value === '/' || /^(\/[^/]+)+$/.test(value)) &&
    !value.split('/').some((part) => part === '.' || part === '..'),
  "the path of a control group from its hierarchy's root on, like '/my.slice'",
);

const limitRecord = record({
  memory: amountFrom(leastMemory),
  cpus,
  pids: wholeFrom(4, 2 ** 22),
  io,
  openFiles: wholeFrom(3, greatestOpenFiles),
  fileSize: amountFrom(0),
  output: amountFrom(0),
  disk: amountFrom(64 * 1024),
  wallMs: wholeFrom(1, 2 ** 31 - 1),
  cpuMs: wholeFrom(1, 2 ** 40),
  cgroup: group,
} satisfies Record<LimitName | 'cgroup', Rule>);

export const limits: Rule = limitRecord;

/** Two names of the same limit. */
export function conflictingLimits({ limits, rlimits, scratchBytes }: IsolationOptions): Problem | undefined {
  const pairs: [name: LimitName, other: unknown, otherName: string][] = [
    ['openFiles', rlimits?.nofile, 'options.rlimits.nofile'],
    ['fileSize', rlimits?.fsize, 'options.rlimits.fsize'],
    ['disk', scratchBytes, 'options.scratchBytes'],
  ];
  for (const [name, other, otherName] of pairs) {
    if (limits?.[name] !== undefined && other !== undefined)
      return within(`.${name}`, limits[name], { give: `either it or ${otherName}, not both` });
  }
  return undefined;
}
