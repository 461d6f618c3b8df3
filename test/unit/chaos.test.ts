/** Chaos rules from the caller's side: what is taken, what is refused, and what the monitor is given. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Chaos, type ChaosDescription } from '../../lib/chaos.js';
import { chaosBlob } from '../../lib/chaos-blob.js';
import {
  cannotFail,
  descriptorArguments,
  neverInjected,
  notInterrupted,
  shortenable,
} from '../../lib/chaos-calls.js';
import { chaosPresets } from '../../lib/chaos-presets.js';
import { parseRule, ruleText, withPreset } from '../../lib/cli/chaos-rules.js';

const source = (name: string): string =>
  readFileSync(new URL(`../../native/${name}`, import.meta.url), 'utf8');

const fail = { action: 'fail', errno: 'EIO' } as const;
const one = (rule: object): ChaosDescription => ({ seed: 1, rules: [rule as never] });

describe('chaos rules that are refused', () => {
  it.each<[string, unknown, string]>([
    ['no seed', { rules: [] }, 'options.chaos.seed'],
    ['a negative seed', { seed: -1, rules: [] }, 'options.chaos.seed'],
    ['a seed past 2^53', { seed: 2 ** 53, rules: [] }, 'options.chaos.seed'],
    ['no rules', { seed: 1 }, 'options.chaos.rules'],
    ['another property', { seed: 1, rules: [], speed: 1 }, 'options.chaos.speed'],
    ['33 rules', { seed: 1, rules: Array(33).fill({ calls: ['read'], ...fail }) }, 'options.chaos.rules'],
    ['a rule that is none', one([]), 'options.chaos.rules[0]'],
    ['no calls', one({ ...fail }), 'options.chaos.rules[0].calls'],
    ['an empty list of calls', one({ calls: [], ...fail }), 'options.chaos.rules[0].calls'],
    ['no such call', one({ calls: ['read', 'wread'], ...fail }), 'options.chaos.rules[0].calls[1]'],
    ['no such family', one({ calls: ['@files'], ...fail }), 'options.chaos.rules[0].calls[0]'],
    ['a call that becomes another', one({ calls: ['open'], ...fail }), 'options.chaos.rules[0].calls[0]'],
    ['a call that is denied', one({ calls: ['bpf'], ...fail }), 'options.chaos.rules[0].calls[0]'],
    ['exit', one({ calls: ['exit_group'], action: 'delay', ms: 1 }), 'options.chaos.rules[0].calls[0]'],
    ['a call that cannot fail', one({ calls: ['getpid'], ...fail }), 'options.chaos.rules[0].calls[0]'],
    [
      'EINTR of close',
      one({ calls: ['close'], action: 'fail', errno: 4 }),
      'options.chaos.rules[0].calls[0]',
    ],
    [
      'a short getdents64',
      one({ calls: ['getdents64'], action: 'shorten' }),
      'options.chaos.rules[0].calls[0]',
    ],
    ['no action', one({ calls: ['read'] }), 'options.chaos.rules[0].action'],
    ['another action', one({ calls: ['read'], action: 'kill' }), 'options.chaos.rules[0].action'],
    ['no errno', one({ calls: ['read'], action: 'fail' }), 'options.chaos.rules[0].errno'],
    ['no such errno', one({ calls: ['read'], action: 'fail', errno: 'EOH' }), 'options.chaos.rules[0].errno'],
    ['ERESTARTSYS', one({ calls: ['read'], action: 'fail', errno: 512 }), 'options.chaos.rules[0].errno'],
    [
      'errno of a delay',
      one({ calls: ['read'], action: 'delay', ms: 1, errno: 4 }),
      'options.chaos.rules[0].errno',
    ],
    ['no ms', one({ calls: ['read'], action: 'delay' }), 'options.chaos.rules[0].ms'],
    ['ms that never end', one({ calls: ['read'], action: 'delay', ms: 1e9 }), 'options.chaos.rules[0].ms'],
    ['ms of a failure', one({ calls: ['read'], ...fail, ms: 1 }), 'options.chaos.rules[0].ms'],
    ['most of a failure', one({ calls: ['read'], ...fail, most: 1 }), 'options.chaos.rules[0].most'],
    ['most 0', one({ calls: ['read'], action: 'shorten', most: 0 }), 'options.chaos.rules[0].most'],
    [
      'probability 0',
      one({ calls: ['read'], ...fail, probability: 0 }),
      'options.chaos.rules[0].probability',
    ],
    [
      'probability 2',
      one({ calls: ['read'], ...fail, probability: 2 }),
      'options.chaos.rules[0].probability',
    ],
    ['NaN', one({ calls: ['read'], ...fail, probability: Number.NaN }), 'options.chaos.rules[0].probability'],
    ['when 0', one({ calls: ['read'], ...fail, when: 0 }), 'options.chaos.rules[0].when'],
    [
      'when past',
      one({ calls: ['read'], ...fail, when: { first: 3, last: 2 } }),
      'options.chaos.rules[0].when.last',
    ],
    ['when never', one({ calls: ['read'], ...fail, when: { nth: 3 } }), 'options.chaos.rules[0].when.nth'],
    ['on nothing', one({ calls: ['read'], ...fail, on: 'pipes' }), 'options.chaos.rules[0].on'],
    ['on without fd', one({ calls: ['mmap'], ...fail, on: 'files' }), 'options.chaos.rules[0].calls[0]'],
  ])('%s', (_, value, path) => {
    expect(() => chaosBlob(value as never)).toThrow(
      expect.objectContaining({
        code: 'ERR_INVALID_OPTION',
        path,
        remedy: expect.stringMatching(/^(Give |See |There are: ).*\.$/),
      }),
    );
  });
});

describe('Chaos', () => {
  it('is immutable, and plain data and back', () => {
    const empty = new Chaos({ seed: 7 });
    const full = empty
      .fail('read', { errno: 'EINTR', probability: 0.01 })
      .shorten(['read', 'write'], { most: 1 })
      .delay('@net', { ms: 2.5, when: { first: 2, every: 3 } });
    expect(empty.toJSON()).toEqual({ seed: 7, rules: [] });
    expect(full.toJSON().rules).toHaveLength(3);
    expect(Chaos.from(JSON.parse(JSON.stringify(full))).toJSON()).toEqual(full.toJSON());
    expect(full.withSeed(8).toJSON()).toEqual({ ...full.toJSON(), seed: 8 });
    expect(chaosBlob(empty)).toBeUndefined();
  });

  it('chooses a seed where none is given, and says so', () => {
    const seeds = new Set(Array.from({ length: 20 }, () => new Chaos().seed));
    expect(seeds.size).toBeGreaterThan(15);
    for (const seed of seeds) expect(seed).toBeLessThan(2 ** 32);
  });

  it('knows its presets and no others', () => {
    for (const name of Object.keys(chaosPresets) as (keyof typeof chaosPresets)[]) {
      const { rules } = new Chaos({ seed: 1 }).preset(name).toJSON();
      expect(rules.length, name).toBeGreaterThan(0);
      expect(rules.every(({ probability }) => probability === chaosPresets[name].probability)).toBe(true);
      expect(new Chaos().preset(name, { probability: 0.5 }).toJSON().rules[0]?.probability).toBe(0.5);
    }
    expect(() => new Chaos().preset('toString' as never)).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_OPTION', path: 'preset', value: 'toString' }),
    );
  });
});

describe('the blob', () => {
  it('is what abi/chaos.h says', () => {
    const header = source('abi/chaos.h');
    expect(header).toContain('constexpr u32 kChaosMagic = 0x53414843;');
    expect(header).toContain('constexpr u32 kChaosVersion = 1;');
    expect(header).toContain('constexpr u32 kChaosRulesMax = 32;');
    expect(header).toContain('static_assert(sizeof(ChaosHeader) == 32);');
    expect(header).toContain('static_assert(sizeof(ChaosRule) == 96);');
    const chaos = new Chaos({ seed: 2 ** 53 - 1 })
      .fail(['read', 'openat'], { errno: 'EIO', probability: 0.5, when: { first: 2, last: 9, every: 3 } })
      .delay('read', { ms: 1.5, when: 4, on: 'streams' });
    const bytes = chaosBlob(chaos) as Buffer;
    expect(bytes.length).toBe(32 + 2 * 96);
    expect([0, 4, 8, 12].map((at) => bytes.readUInt32LE(at))).toEqual([0x53414843, 1, bytes.length, 2]);
    expect(bytes.readBigUInt64LE(16)).toBe(2n ** 53n - 1n);
    const [first, second] = [bytes.subarray(32, 128), bytes.subarray(128)] as [Buffer, Buffer];
    expect([...first.subarray(0, 4)]).toEqual([1, 0, 5, 0]);
    expect([4, 8, 12].map((at) => first.readUInt32LE(at))).toEqual([2, 9, 3]);
    expect(first.readBigUInt64LE(16)).toBe(2n ** 63n - 1n);
    expect(first.readBigUInt64LE(32)).toBe(1n);
    expect(first.readBigUInt64LE(64)).toBe(1n << 1n); // openat is 257
    expect([...second.subarray(0, 4)]).toEqual([3, 2, 0, 0]);
    expect([4, 8, 12].map((at) => second.readUInt32LE(at))).toEqual([4, 4, 1]);
    expect(second.readBigUInt64LE(16)).toBe(2n ** 64n - 1n);
    expect(second.readBigUInt64LE(24)).toBe(1_500_000n);
  });

  it('has of a family the calls that it can be done to', () => {
    const bytes = chaosBlob(new Chaos().shorten('@net')) as Buffer;
    const numbers = Array.from({ length: 512 }, (_, n) => n).filter(
      (n) => (bytes.readUInt8(64 + (n >> 3)) >> (n & 7)) & 1,
    );
    expect(numbers).toEqual([44, 45, 46, 47, 299, 307]); // sendto recvfrom sendmsg recvmsg recvmmsg sendmmsg
    expect(() => new Chaos().shorten('@time')).toThrow(
      expect.objectContaining({ path: 'chaos.rules[0].calls[0]' }),
    );
  });
});

it('has the same lists as the monitor', () => {
  const lists = source('monitor/chaos/calls.def');
  const named = (macro: string): string[] =>
    [...lists.matchAll(new RegExp(`^${macro}\\((\\w+)`, 'gm'))].map(([, name]) => name as string);
  expect(named('NEVER').sort()).toEqual([...neverInjected].sort());
  expect(named('CANNOT_FAIL').sort()).toEqual([...cannotFail].sort());
  expect(named('NOT_INTERRUPTED').sort()).toEqual([...notInterrupted].sort());
  expect(named('SHORTEN').sort()).toEqual([...shortenable].sort());
  const rows = source('monitor/syscalls.def').matchAll(
    /^(PASS|CANON|EMULATE) *\(.*?ARGS\((FD|FD_OR_NONE)\((\w+)\)/gm,
  );
  expect([...new Set([...rows].map(([, , , name]) => name))].sort()).toEqual([...descriptorArguments].sort());
  // No other first argument has such a name.
  const others = source('monitor/syscalls.def').matchAll(
    /^(?:PASS|CANON|EMULATE) *\(.*?ARGS\((?!FD\(|FD_OR_NONE\()\w+\((\w+)/gm,
  );
  for (const [, name] of others) expect(descriptorArguments).not.toContain(name);
});

describe('rules of the command line', () => {
  it.each([
    ['read:fail=EINTR', { calls: ['read'], action: 'fail', errno: 'EINTR' }],
    [
      'read,@net:fail=5:p=1e-3:on=streams:when=3',
      { calls: ['read', '@net'], action: 'fail', errno: 5, probability: 0.001, on: 'streams', when: 3 },
    ],
    ['read:shorten', { calls: ['read'], action: 'shorten' }],
    ['read:shorten=1:p=.5', { calls: ['read'], action: 'shorten', most: 1, probability: 0.5 }],
    ['openat:delay=2.5:when=2+', { calls: ['openat'], action: 'delay', ms: 2.5, when: { first: 2 } }],
    ['openat:delay=2:when=2+3', { calls: ['openat'], action: 'delay', ms: 2, when: { first: 2, every: 3 } }],
    ['openat:delay=2:when=2..8', { calls: ['openat'], action: 'delay', ms: 2, when: { first: 2, last: 8 } }],
    [
      'openat:delay=2:when=2..8+3',
      { calls: ['openat'], action: 'delay', ms: 2, when: { first: 2, last: 8, every: 3 } },
    ],
  ])('%s', (text, rule) => {
    expect(parseRule(text)).toEqual(rule);
    expect(parseRule(ruleText(parseRule(text)))).toEqual(rule);
  });

  it.each([
    '',
    'read',
    'read:',
    ':fail=EIO',
    'read:fail',
    'read:fail=EIO:shorten',
    'read:delay',
    'read:delay=x',
  ])('refuses %j', (text) =>
    expect(() => parseRule(text)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_OPTION' })),
  );
  it.each([
    'when=0',
    'when=',
    'when=3..2',
    'when=1-2',
    'when=1+0',
    'p=',
    'p=0',
    'p=0x1',
    'p=2',
    'on=',
    'on=x',
    'x=1',
  ])('refuses read:fail=EIO:%s', (part) =>
    expect(() => parseRule(`read:fail=EIO:${part}`)).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_OPTION', remedy: expect.stringMatching(/\.$/) }),
    ),
  );
  it.each(['eintr=', 'eintr=x', 'eintr=2', 'no'])('refuses preset %s', (text) => {
    expect(() => withPreset(new Chaos(), text)).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_OPTION' }),
    );
  });
});
