/** Checks a policy in full, as plain data from anywhere: the first mistake is ERR_INVALID_OPTION with its path. */
import { isIP } from 'node:net';
import { constants } from 'node:os';
import { SandboxError } from './errors.js';
import { type PolicyProfile, policyProfiles } from './policy-profiles.js';
import { isSyscall, judgedArguments, type Syscall, type SyscallName, syscalls } from './syscalls.js';

const comparisons = ['mask', 'equals', 'notEquals', 'below', 'atMost', 'above', 'atLeast'];
const mostRules = 1000;
const mostNetworks = 1000;

function refuse(path: string, value: unknown, problem: string, remedy?: string): never {
  const shown = typeof value === 'string' ? JSON.stringify(value.slice(0, 80)) : kindOf(value);
  throw new SandboxError('ERR_INVALID_OPTION', `${path} ${problem}; it is ${shown}`, {
    path,
    value,
    remedy: remedy ?? adviceFor(problem),
  });
}

function adviceFor(problem: string): string {
  const [, wanted] = /^must be (.+)$/.exec(problem) ?? [];
  return wanted ? `Give ${wanted}.` : 'See docs/policies.md, or leave it out.';
}

function kindOf(value: unknown): string {
  if (typeof value === 'function') return 'a function';
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object' && value !== null ? 'an object' : String(value);
}

function fields(value: unknown, path: string, known: readonly string[]): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    refuse(path, value, 'must be an object');
  }
  for (const [name, field] of Object.entries(value)) {
    if (!known.includes(name)) {
      refuse(`${path}.${name}`, field, 'is not known', `There are: ${known.join(', ')}.`);
    }
  }
  return value as Record<string, unknown>;
}

function list(value: unknown, path: string, most: number): readonly unknown[] {
  if (!Array.isArray(value)) return refuse(path, value, 'must be a list');
  if (value.length > most) refuse(path, value, `must have at most ${most} entries`);
  return value;
}

/** The calls that a pattern names. Throws ERR_INVALID_OPTION for one that names none. */
export function callsOf(pattern: unknown, path: string): SyscallName[] {
  if (isSyscall(pattern)) return [pattern];
  if (typeof pattern === 'string' && pattern.startsWith('@')) {
    const found = [...syscalls().values()].filter(({ family }) => family === pattern.slice(1));
    if (found.length > 0) return found.map(({ name }) => name);
    const families = [...new Set([...syscalls().values()].map(({ family }) => `@${family}`))].sort();
    return refuse(path, pattern, 'is no family of calls', `There are: ${families.join(', ')}.`);
  }
  return refuse(path, pattern, 'must be the name of a Linux system call', 'See docs/syscalls.md.');
}

/** The number of an errno given as name or number. */
export function errnoOf(value: unknown, path: string): number {
  if (typeof value === 'string') {
    const number = (constants.errno as Record<string, number>)[value];
    return number ?? refuse(path, value, 'must be the name of an error, like "EPERM"');
  }
  if (!Number.isInteger(value) || (value as number) < 1 || (value as number) > 4095) {
    refuse(path, value, 'must be the name of an error or a number from 1 to 4095');
  }
  return value as number;
}

function checkWord(value: unknown, path: string): void {
  const whole = typeof value === 'bigint' || Number.isSafeInteger(value);
  if (!whole || BigInt(value as number) < -(2n ** 63n) || BigInt(value as number) >= 2n ** 64n) {
    refuse(path, value, 'must be a whole number of 64 bits');
  }
}

function checkCondition(condition: unknown, path: string): void {
  if (typeof condition === 'number' || typeof condition === 'bigint') {
    checkWord(condition, path);
    return;
  }
  const given = Object.entries(fields(condition, path, comparisons));
  for (const [name, value] of given) checkWord(value, `${path}.${name}`);
  if (!given.some(([name]) => name !== 'mask')) refuse(path, condition, 'must compare with something');
}

function checkConditions(when: unknown, calls: readonly SyscallName[], path: string): void {
  if (calls.length !== 1) refuse(path, when, 'needs a rule with exactly one call');
  const call = syscalls().get(calls[0] as SyscallName) as Syscall;
  const { name } = call;
  const known = [...judgedArguments(call).keys()];
  const given = Object.entries(fields(when, path, known));
  if (given.length === 0) refuse(path, when, 'must name an argument', `${name} has: ${known.join(', ')}.`);
  let count = 0;
  for (const [argument, condition] of given) {
    checkCondition(condition, `${path}.${argument}`);
    count += typeof condition === 'object' ? Object.keys(condition as object).length : 1;
  }
  if (count > 6) refuse(path, when, 'must have at most six comparisons');
}

function checkRule(value: unknown, path: string): void {
  const rule = fields(value, path, ['calls', 'action', 'errno', 'when']);
  const patterns = list(rule.calls, `${path}.calls`, 1000);
  if (patterns.length === 0) refuse(`${path}.calls`, rule.calls, 'must name a call');
  const calls = patterns.flatMap((pattern, i) => callsOf(pattern, `${path}.calls[${i}]`));
  if (!['allow', 'deny', 'kill', 'log'].includes(rule.action as string)) {
    refuse(`${path}.action`, rule.action, 'must be "allow", "deny", "kill" or "log"');
  }
  if (rule.errno !== undefined) {
    if (rule.action !== 'deny') refuse(`${path}.errno`, rule.errno, 'is only for "deny"');
    errnoOf(rule.errno, `${path}.errno`);
  }
  if (rule.when !== undefined) checkConditions(rule.when, calls, `${path}.when`);
}

const isPort = (value: unknown): boolean =>
  Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 65535;

function checkNetwork(value: unknown, path: string): void {
  const { address, ports } = fields(value, path, ['address', 'ports']);
  if (typeof address !== 'string') refuse(`${path}.address`, address, 'must be an address');
  if (address !== '*') {
    const [host = '', prefix, ...rest] = (address as string).split('/');
    const bits = { 4: 32, 6: 128 }[isIP(host)];
    if (bits === undefined || host.includes('%') || rest.length > 0) {
      refuse(
        `${path}.address`,
        address,
        'must be an IPv4 or IPv6 address, a network like 10.0.0.0/8, or "*"',
      );
    }
    if (prefix !== undefined && (!/^\d{1,3}$/.test(prefix) || Number(prefix) > (bits as number))) {
      refuse(`${path}.address`, address, `must have a prefix from 0 to ${bits}`);
    }
  }
  if (ports === undefined || isPort(ports)) return;
  const pair = Array.isArray(ports) && ports.length === 2 && ports.every(isPort);
  if (!pair || ports[0] > ports[1]) refuse(`${path}.ports`, ports, 'must be a port or [first, last]');
}

/** Throws ERR_INVALID_OPTION; `path` is how the caller names the value. */
export function checkPolicy(value: unknown, path: string): void {
  const policy = fields(value, path, ['profile', 'rules', 'network', 'writeXorExecute']);
  if (!policyProfiles.includes(policy.profile as PolicyProfile)) {
    refuse(`${path}.profile`, policy.profile, `must be one of ${policyProfiles.join(', ')}`);
  }
  if (policy.rules !== undefined) {
    list(policy.rules, `${path}.rules`, mostRules).forEach((rule, i) => {
      checkRule(rule, `${path}.rules[${i}]`);
    });
  }
  if (policy.network !== undefined) {
    list(policy.network, `${path}.network`, mostNetworks).forEach((rule, i) => {
      checkNetwork(rule, `${path}.network[${i}]`);
    });
  }
  if (![undefined, true, false, 'jit'].includes(policy.writeXorExecute as undefined)) {
    refuse(`${path}.writeXorExecute`, policy.writeXorExecute, 'must be true, false or "jit"');
  }
}
