/** Checks chaos rules in full, as plain data from anywhere: the first mistake is ERR_INVALID_OPTION with its path. */
import type { ChaosDescription, ChaosRule } from './chaos.js';
import {
  cannotFail,
  descriptorArguments,
  neverInjected,
  notInterrupted,
  shortenable,
} from './chaos-calls.js';
import { SandboxError } from './errors.js';
import { listOf, oneOf, type Rule, record, rule, wholeFrom, within } from './option-rules.js';
import { callsOf, errnoOf } from './policy-check.js';
import { isSyscall, type Syscall, type SyscallName, syscalls } from './syscalls.js';

export const mostChaosRules = 32;
const mostPatterns = 1000;
const greatestCount = 2 ** 32 - 1;
/** The kernel's own begin there. */
const errnoEnd = 512;
const eintr = 4;

const anything: Rule = () => undefined;
const count = wholeFrom(1, greatestCount);
const given =
  (check: Rule): Rule =>
  (value) =>
    value === undefined ? undefined : check(value);
const whenParts = record({ first: given(count), last: given(count), every: given(count) });
const when: Rule = (value) => {
  const problem = typeof value === 'number' ? count(value) : whenParts(value);
  if (problem) return problem;
  const { first = 1, last = greatestCount } = value as { first?: number; last?: number };
  return last < first ? { at: '.last', value: last, give: `at least ${first}, which is first` } : undefined;
};
const probability = rule(
  (value) => typeof value === 'number' && value >= 1e-9 && value <= 1,
  'a number from 1e-9 to 1',
);
const milliseconds = rule(
  (value) => typeof value === 'number' && value >= 0.001 && value <= 600_000,
  'a number from 0.001 to 600000',
);

const parts = record(
  {
    calls: anything,
    action: oneOf('fail', 'shorten', 'delay'),
    errno: anything,
    ms: given(milliseconds),
    most: given(count),
    probability: given(probability),
    when: given(when),
    on: given(oneOf('files', 'streams')),
  },
  ['action'],
);

const whole = record(
  {
    seed: wholeFrom(0, Number.MAX_SAFE_INTEGER),
    rules: listOf(anything, mostChaosRules),
  },
  ['seed', 'rules'],
);

function refuse(path: string, value: unknown, remedy: string): never {
  throw new SandboxError('ERR_INVALID_OPTION', `${path} is wrong`, { path, value, remedy });
}

function must(check: Rule, value: unknown, path: string): void {
  const problem = within('', value, check(value));
  if (problem) refuse(path + problem.at, problem.value, `Give ${problem.give}.`);
}

/** Why the rule cannot be for this call: what to give in its place; undefined when it can. */
function unsuited(call: Syscall, { action, on }: ChaosRule, errno: number): string | undefined {
  const { name, kind, target } = call;
  if (kind === 'rewritten') return `"${target}", which ${name} becomes`;
  if (kind === 'deny' || kind === 'absent') return 'a call that the gate does not refuse anyway';
  if (neverInjected.includes(name)) return 'a call that comes back';
  if (action === 'fail' && cannotFail.includes(name)) return 'a call that can fail on Linux';
  if (action === 'fail' && errno === eintr && notInterrupted.includes(name))
    return `another error: where Linux interrupts ${name}, it has been made`;
  if (action === 'shorten' && !shortenable.includes(name)) return 'a call that moves bytes or gives elements';
  if (on !== undefined && !descriptorArguments.includes(call.arguments[0] ?? ''))
    return 'a call that has a descriptor as first argument, or leave "on" out';
  return undefined;
}

/** The numbers of the calls that a rule is for. Throws ERR_INVALID_OPTION. */
export function numbersOf(rule: ChaosRule, path: string): Set<number> {
  const errno = rule.action === 'fail' ? errnoOf(rule.errno, `${path}.errno`) : 0;
  const found = new Set<number>();
  for (const [i, pattern] of rule.calls.entries()) {
    const at = `${path}.calls[${i}]`;
    let some = false;
    for (const name of callsOf(pattern, at)) {
      const call = syscalls().get(name as SyscallName) as Syscall;
      const problem = unsuited(call, rule, errno);
      if (problem !== undefined && isSyscall(pattern)) refuse(at, pattern, `Give ${problem}.`);
      if (problem !== undefined) continue;
      found.add(call.number);
      some = true;
    }
    if (!some) refuse(at, pattern, 'Give a family with a call that this can be done to.');
  }
  return found;
}

function checkRule(value: unknown, path: string): void {
  must(parts, value, path);
  const rule = value as ChaosRule;
  must(listOf(anything, mostPatterns), rule.calls, `${path}.calls`);
  if (rule.calls.length === 0) refuse(`${path}.calls`, rule.calls, 'Give the name of a call.');
  const own = { fail: 'errno', shorten: 'most', delay: 'ms' } as const;
  for (const [action, option] of Object.entries(own) as [ChaosRule['action'], 'errno' | 'most' | 'ms'][]) {
    if (rule.action !== action && rule[option] !== undefined)
      refuse(`${path}.${option}`, rule[option], `Give it with "${action}" only.`);
  }
  if (rule.action === 'delay') must(milliseconds, rule.ms, `${path}.ms`);
  if (rule.action === 'fail' && errnoOf(rule.errno, `${path}.errno`) >= errnoEnd)
    refuse(
      `${path}.errno`,
      rule.errno,
      `Give an error below ${errnoEnd}: the others never leave the kernel.`,
    );
  numbersOf(rule, path);
}

/** Throws ERR_INVALID_OPTION; `path` is how the caller names the value. */
export function checkChaos(value: unknown, path: string): asserts value is ChaosDescription {
  must(whole, value, path);
  for (const [i, rule] of (value as ChaosDescription).rules.entries()) checkRule(rule, `${path}.rules[${i}]`);
}
