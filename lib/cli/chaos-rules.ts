/** Chaos rules on the command line: CALL[,CALL...]:fail=ERRNO[:p=0.01][:when=2+3][:on=streams] */
import type { Chaos, ChaosPreset, ChaosRule, ChaosWhen } from '../chaos.js';
import { checkChaos } from '../chaos-check.js';
import { SandboxError } from '../errors.js';

type Mutable = { -readonly [Name in keyof ChaosRule]: ChaosRule[Name] };

const decimal = /^(\d+(\.\d*)?|\.\d+)(e-?\d+)?$/i;

function wrong(text: string, part: string, give: string): SandboxError {
  return new SandboxError('ERR_INVALID_OPTION', `--rule ${text}: ${JSON.stringify(part)} is wrong`, {
    path: '--rule',
    value: text,
    remedy: `Give ${give}.`,
  });
}

/** As strace's when=: N, N+, N+STEP, N..M, N..M+STEP. */
function parseWhen(value: string): number | ChaosWhen | undefined {
  const [, first, last, plus, step] = /^(\d+)(?:\.\.(\d+))?(?:(\+)(\d+)?)?$/.exec(value) ?? [];
  if (first === undefined) return undefined;
  if (last === undefined && plus === undefined) return Number(first);
  return {
    first: Number(first),
    ...(last === undefined ? {} : { last: Number(last) }),
    ...(step === undefined ? {} : { every: Number(step) }),
  };
}

export function parseRule(text: string): ChaosRule {
  const [calls = '', ...parts] = text.split(':');
  const rule: Partial<Mutable> = { calls: calls.split(',') as ChaosRule['calls'] };
  const number = (part: string, value: string): number => {
    if (!decimal.test(value)) throw wrong(text, part, 'a number after "="');
    return Number(value);
  };
  const act = (part: string, action: ChaosRule['action']): void => {
    if (rule.action !== undefined) throw wrong(text, part, 'one of fail=ERRNO, shorten, delay=MS');
    rule.action = action;
  };
  for (const part of parts) {
    const [name, ...rest] = part.split('=');
    const value = rest.join('=');
    if (name === 'fail') {
      act(part, 'fail');
      rule.errno = /^\d+$/.test(value) ? Number(value) : value;
    } else if (name === 'shorten') {
      act(part, 'shorten');
      if (rest.length > 0) rule.most = number(part, value);
    } else if (name === 'delay') {
      act(part, 'delay');
      rule.ms = number(part, value);
    } else if (name === 'p') {
      rule.probability = number(part, value);
    } else if (name === 'when') {
      rule.when = parseWhen(value);
      if (rule.when === undefined) throw wrong(text, part, 'when=N, N+, N+STEP, N..M or N..M+STEP');
    } else if (name === 'on') {
      rule.on = value as NonNullable<ChaosRule['on']>;
    } else {
      throw wrong(
        text,
        part,
        'fail=ERRNO, shorten[=MOST], delay=MS, p=PROBABILITY, when=N+STEP, on=files|streams',
      );
    }
  }
  if (rule.action === undefined) throw wrong(text, text, 'fail=ERRNO, shorten or delay=MS after the calls');
  checkChaos({ seed: 0, rules: [rule] }, `--rule ${text}`);
  return rule as ChaosRule;
}

/** What --rule has for a rule. */
export function ruleText(rule: ChaosRule): string {
  const { calls, action, errno, ms, most, probability, when, on } = rule;
  const what = { fail: `fail=${errno}`, shorten: most ? `shorten=${most}` : 'shorten', delay: `delay=${ms}` };
  const parts = [calls.join(','), what[action]];
  if (on !== undefined) parts.push(`on=${on}`);
  if (probability !== undefined) parts.push(`p=${probability}`);
  if (typeof when === 'number') parts.push(`when=${when}`);
  else if (when)
    parts.push(`when=${when.first ?? 1}${when.last ? `..${when.last}` : ''}+${when.every ?? ''}`);
  return parts.join(':');
}

/** NAME or NAME=PROBABILITY. */
export function withPreset(chaos: Chaos, text: string): Chaos {
  const [name, ...rest] = text.split('=');
  const value = rest.join('=');
  if (rest.length > 0 && !decimal.test(value)) {
    throw new SandboxError('ERR_INVALID_OPTION', `--preset ${text}: the probability is wrong`, {
      path: '--preset',
      value: text,
      remedy: 'Give a number from 1e-9 to 1 after "=".',
    });
  }
  return chaos.preset(name as ChaosPreset, rest.length > 0 ? { probability: Number(value) } : {});
}
