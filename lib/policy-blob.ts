/** Writes a policy in the form of native/abi/policy.h, which the monitor reads. */
import { constants } from 'node:os';
import { SandboxError } from './errors.js';
import type { ArgumentCondition, NetworkRule, PolicyDescription, PolicyRule } from './policy.js';
import { callsOf, errnoOf } from './policy-check.js';
import { allowedBy } from './policy-profiles.js';
import { judgedArguments, type Syscall, type SyscallName, syscalls } from './syscalls.js';

const magic = 0x4c4f5042;
const version = 1;
const headerSize = 32;
const verdictSize = 8;
const ruleSize = 152;
const conditionSize = 24;
const networkSize = 24;
const mostRules = 4096;

const flags = {
  hostFilter: 1 << 0,
  noWriteExecute: 1 << 1,
  networkList: 1 << 2,
  switchExecute: 1 << 3,
} as const;
const actions = { allow: 0, deny: 1, kill: 2, log: 3 } as const;
const comparisons = { equals: 0, notEquals: 1, below: 2, atMost: 3, above: 4, atLeast: 5 } as const;
const everyBit = 2n ** 64n - 1n;
/** Calls from here on are newer than the C libraries that fall back to older ones on ENOSYS. */
const firstNewCall = 424;

interface Verdict {
  action: number;
  errno: number;
}

interface Condition {
  argument: number;
  comparison: number;
  mask: bigint;
  value: bigint;
}

interface CompiledRule extends Verdict {
  conditions: Condition[];
  /** Of openat2, from a rule about openat. */
  followed?: true;
}

interface CallPolicy extends Verdict {
  /** The one that decides first comes first. */
  rules: CompiledRule[];
}

const word = (value: number | bigint): bigint => BigInt.asUintN(64, BigInt(value));

const passes = (action: number): boolean => action === actions.allow || action === actions.log;

function verdictOf(rule: PolicyRule): Verdict {
  if (rule.action !== 'deny') return { action: actions[rule.action], errno: 0 };
  return { action: actions.deny, errno: errnoOf(rule.errno ?? 'EPERM', 'errno') };
}

/** Arguments of 32-bit kinds are compared as 32 bits: -1 is 0xffffffff, as well as 2^64-1. */
function conditionsOf(argument: number, condition: ArgumentCondition): Condition[] {
  const given = typeof condition === 'object' ? condition : { equals: condition };
  const mask = word(given.mask ?? everyBit);
  return Object.entries(comparisons).flatMap(([name, comparison]) => {
    const value = given[name as keyof typeof comparisons];
    return value === undefined ? [] : [{ argument, comparison, mask, value: word(value) }];
  });
}

/** A rule's conditions for `call`, or undefined when it lacks one of the arguments. */
function compileConditions(rule: PolicyRule, call: Syscall): Condition[] | undefined {
  const conditions: Condition[] = [];
  for (const [name, condition] of Object.entries(rule.when ?? {})) {
    const index = judgedArguments(call).get(name);
    if (index === undefined) return undefined;
    conditions.push(...conditionsOf(index, condition));
  }
  return conditions;
}

function apply(policy: CallPolicy, rule: PolicyRule, call: Syscall, byOlderName: boolean): void {
  const verdict = verdictOf(rule);
  const conditions = compileConditions(rule, call);
  if (conditions === undefined) {
    // An older form without the argument: refused in any case rather than let through.
    if (byOlderName && !passes(verdict.action)) Object.assign(policy, verdict, { rules: [] });
    // Logged too often rather than not.
    if (byOlderName && verdict.action === actions.log && policy.action === actions.allow)
      policy.action = actions.log;
  } else if (conditions.length === 0) {
    Object.assign(policy, verdict, { rules: [] });
  } else {
    policy.rules.unshift({ ...verdict, conditions });
  }
}

/** What a rule refuses of openat it refuses of openat2, which can ask for the same. What it lets pass it does not. */
function applyToOpenat2(policy: CallPolicy, rule: PolicyRule, call: Syscall): void {
  if (rule.when === undefined) {
    policy.rules = policy.rules.filter(({ followed }) => !followed);
    return;
  }
  const verdict = verdictOf(rule);
  const conditions = compileConditions(rule, call);
  if (!passes(verdict.action) && conditions) policy.rules.unshift({ ...verdict, conditions, followed: true });
}

function initial(call: Syscall, allowed: ReadonlySet<SyscallName> | undefined): CallPolicy {
  const passes = allowed === undefined || allowed.has(call.target ?? call.name) || call.kind === 'rewritten';
  if (passes) return { action: actions.allow, errno: 0, rules: [] };
  const { ENOSYS, ENOTSUP, EPERM } = constants.errno;
  // As on a file system without them, which ls(1), cp(1) and the like are used to.
  if (call.name.includes('xattr') && call.number < firstNewCall)
    return { action: actions.deny, errno: ENOTSUP, rules: [] };
  return { action: actions.deny, errno: call.number >= firstNewCall ? ENOSYS : EPERM, rules: [] };
}

function compileCalls(description: PolicyDescription): Map<SyscallName, CallPolicy> {
  const table = syscalls();
  const allowed = allowedBy(description.profile);
  const result = new Map([...table].map(([name, call]) => [name, initial(call, allowed)]));
  // Calls under an older name that the gate makes itself follow the newer one; `rewritten` ones are judged there.
  const older = [...table.values()].filter(({ kind, target }) => kind === 'canon' && target !== undefined);
  for (const rule of description.rules ?? []) {
    for (const name of rule.calls.flatMap((pattern) => callsOf(pattern, 'calls'))) {
      apply(result.get(name) as CallPolicy, rule, table.get(name) as Syscall, false);
      if (name === 'openat')
        applyToOpenat2(result.get('openat2') as CallPolicy, rule, table.get('openat2') as Syscall);
      for (const call of older) {
        if (call.target === name) apply(result.get(call.name) as CallPolicy, rule, call, true);
      }
    }
  }
  return result;
}

function addressBytes(host: string): { family: 2 | 10; bytes: number[] } {
  if (!host.includes(':')) return { family: 2, bytes: host.split('.').map(Number) };
  // The last 32 bits may be written as IPv4.
  const text = host.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, a, b, c, d) =>
    [(+a << 8) | +b, (+c << 8) | +d].map((half) => half.toString(16)).join(':'),
  );
  const [head = '', tail] = text.split('::');
  const halves = (part: string): number[] =>
    part === '' ? [] : part.split(':').map((half) => Number.parseInt(half, 16));
  const first = halves(head);
  const last = tail === undefined ? [] : halves(tail);
  const all = [...first, ...new Array(8 - first.length - last.length).fill(0), ...last];
  return { family: 10, bytes: all.flatMap((half) => [half >> 8, half & 0xff]) };
}

const mappedPrefix = [...new Array(10).fill(0), 0xff, 0xff];

function encodeNetwork(rule: NetworkRule): Buffer[] {
  const [first, last] =
    rule.ports === undefined
      ? [0, 65535]
      : typeof rule.ports === 'number'
        ? [rule.ports, rule.ports]
        : rule.ports;
  if (rule.address === '*') {
    return ['0.0.0.0/0', '::/0'].flatMap((address) => encodeNetwork({ address, ports: [first, last] }));
  }
  const [host = '', prefix] = rule.address.split('/');
  const { family, bytes } = addressBytes(host);
  // The gate sees an IPv4 address in IPv6 form as the IPv4 address.
  const mapped = family === 10 && mappedPrefix.every((byte, i) => bytes[i] === byte);
  if (mapped && (prefix === undefined || Number(prefix) >= 96)) {
    const bits = prefix === undefined ? 32 : Number(prefix) - 96;
    return encodeNetwork({ address: `${bytes.slice(12).join('.')}/${bits}`, ports: [first, last] });
  }
  const entry = Buffer.alloc(networkSize);
  entry.writeUInt8(family, 0);
  entry.writeUInt8(prefix === undefined ? bytes.length * 8 : Number(prefix), 1);
  entry.writeUInt16LE(first, 2);
  entry.writeUInt16LE(last, 4);
  entry.set(bytes, 8);
  return [entry];
}

function encodeRule(rule: CompiledRule): Buffer {
  const bytes = Buffer.alloc(ruleSize);
  bytes.writeUInt8(rule.action, 0);
  bytes.writeUInt8(rule.conditions.length, 1);
  bytes.writeUInt16LE(rule.errno, 2);
  rule.conditions.forEach(({ argument, comparison, mask, value }, i) => {
    const at = 8 + i * conditionSize;
    bytes.writeUInt8(argument, at);
    bytes.writeUInt8(comparison, at + 1);
    bytes.writeBigUInt64LE(mask, at + 8);
    bytes.writeBigUInt64LE(value, at + 16);
  });
  return bytes;
}

/** The calls that pass at all, some of them only with certain arguments. Pre: the description has been checked. */
export function passingCalls(description: PolicyDescription): SyscallName[] {
  const calls = compileCalls(description);
  const callPasses = (name: SyscallName): boolean => {
    const { action, rules } = calls.get(name) as CallPolicy;
    return [action, ...rules.map((rule) => rule.action)].some(passes);
  };
  return [...syscalls().values()]
    .filter(({ kind, name, target }) => {
      if (kind === 'deny' || kind === 'absent' || !callPasses(name)) return false;
      return kind !== 'rewritten' || callPasses(target as SyscallName);
    })
    .map(({ name }) => name);
}

/** Pre: the description has been checked. Throws ERR_INVALID_OPTION when it has too many rules in all. */
export function encodePolicy(description: PolicyDescription): Buffer {
  const calls = compileCalls(description);
  const count = Math.max(...[...syscalls().values()].map(({ number }) => number)) + 1;
  const verdicts = Buffer.alloc(count * verdictSize);
  for (let i = 0; i < count; i++) {
    verdicts.writeUInt8(actions.deny, i * verdictSize);
    verdicts.writeUInt16LE(constants.errno.ENOSYS, i * verdictSize + 2);
  }
  const rules: Buffer[] = [];
  for (const [name, policy] of calls) {
    const at = (syscalls().get(name) as Syscall).number * verdictSize;
    verdicts.writeUInt8(policy.action, at);
    verdicts.writeUInt16LE(policy.errno, at + 2);
    verdicts.writeUInt16LE(rules.length, at + 4);
    verdicts.writeUInt16LE(policy.rules.length, at + 6);
    rules.push(...policy.rules.map(encodeRule));
  }
  if (rules.length > mostRules) {
    throw new SandboxError('ERR_INVALID_OPTION', `policy.rules has more than ${mostRules} rules in effect`, {
      path: 'policy.rules',
      remedy: 'Join rules, or name fewer calls.',
    });
  }
  const networks = (description.network ?? []).flatMap(encodeNetwork);
  const header = Buffer.alloc(headerSize);
  const size = headerSize + verdicts.length + rules.length * ruleSize + networks.length * networkSize;
  header.writeUInt32LE(magic, 0);
  header.writeUInt32LE(version, 4);
  header.writeUInt32LE(size, 8);
  header.writeUInt32LE(
    flags.hostFilter |
      (description.writeXorExecute ? flags.noWriteExecute : 0) |
      (description.writeXorExecute === 'jit' ? flags.switchExecute : 0) |
      (description.network ? flags.networkList : 0),
    12,
  );
  header.writeUInt32LE(count, 16);
  header.writeUInt32LE(rules.length, 20);
  header.writeUInt32LE(networks.length, 24);
  return Buffer.concat([header, verdicts, ...rules, ...networks], size);
}
