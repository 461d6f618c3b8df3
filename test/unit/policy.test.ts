import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { SandboxError } from '../../lib/errors.js';
import { Policy, type PolicyDescription } from '../../lib/policy.js';
import { encodePolicy, passingCalls } from '../../lib/policy-blob.js';
import { policyBlob } from '../../lib/policy-option.js';
import { allowedBy } from '../../lib/policy-profiles.js';
import { syscalls } from '../../lib/syscalls.js';

const header = readFileSync(new URL('../../native/abi/policy.h', import.meta.url), 'utf8');
const size = (name: string): number =>
  Number(new RegExp(`static_assert\\(sizeof\\(${name}\\) == (\\d+)\\)`).exec(header)?.[1]);

/** The verdict of call `nr` and its rules, read from the blob. */
function decoded(policy: Policy, nr: number) {
  const blob = encodePolicy(policy.toJSON());
  const verdicts = size('PolicyHeader');
  const rules = verdicts + blob.readUInt32LE(16) * size('PolicyVerdict');
  const at = verdicts + nr * size('PolicyVerdict');
  const first = blob.readUInt16LE(at + 4);
  return {
    action: blob.readUInt8(at),
    errno: blob.readUInt16LE(at + 2),
    rules: Array.from({ length: blob.readUInt16LE(at + 6) }, (_, i) => {
      const rule = rules + (first + i) * size('PolicyRule');
      return {
        action: blob.readUInt8(rule),
        errno: blob.readUInt16LE(rule + 2),
        conditions: Array.from({ length: blob.readUInt8(rule + 1) }, (__, j) => {
          const condition = rule + 8 + j * size('PolicyCondition');
          return [
            blob.readUInt8(condition),
            blob.readUInt8(condition + 1),
            blob.readBigUInt64LE(condition + 8),
            blob.readBigUInt64LE(condition + 16),
          ];
        }),
      };
    }),
  };
}

const number = (name: 'socket' | 'poll' | 'ppoll' | 'open' | 'openat'): number =>
  (syscalls().get(name) as { number: number }).number;
const everyBit = 2n ** 64n - 1n;

describe('Policy', () => {
  it('is immutable', () => {
    const policy = Policy.compat();
    const before = policy.toJSON();
    policy.deny('openat').kill('bpf').network().writeXorExecute();
    expect(policy.toJSON()).toEqual(before);
    (policy.toJSON() as { profile: string }).profile = 'strict';
    expect(policy.toJSON()).toEqual(before);
  });

  it('is the same after a way through JSON', () => {
    const policy = Policy.default()
      .deny('openat', 'openat2', { errno: 'EROFS' })
      .when('socket', { domain: 2, type: { mask: 0xf, notEquals: 1 } }, 'kill')
      .network({ address: '10.0.0.0/8', ports: [80, 443] }, { address: '*', ports: 53 })
      .writeXorExecute();
    const again = Policy.from(JSON.parse(JSON.stringify(policy)) as PolicyDescription);
    expect(again.toJSON()).toEqual(policy.toJSON());
    expect(encodePolicy(again.toJSON())).toEqual(encodePolicy(policy.toJSON()));
  });

  it('compiles conditions, the last rule first', () => {
    const policy = Policy.compat()
      .when('socket', { domain: { mask: 0xff, atLeast: 3, below: -1 } }, 'deny', { errno: 97 })
      .when('socket', { type: 3n }, 'kill');
    expect(decoded(policy, number('socket'))).toEqual({
      action: 0,
      errno: 0,
      rules: [
        { action: 2, errno: 0, conditions: [[1, 0, everyBit, 3n]] },
        {
          action: 1,
          errno: 97,
          conditions: [
            [0, 2, 0xffn, everyBit],
            [0, 5, 0xffn, 3n],
          ],
        },
      ],
    });
    expect(decoded(policy.allow('socket'), number('socket')).rules).toEqual([]);
  });

  it('carries rules over to older names', () => {
    const denied = Policy.compat().deny('ppoll', { errno: 5 });
    expect(decoded(denied, number('poll'))).toMatchObject({ action: 1, errno: 5 });
    expect(decoded(denied.allow('poll'), number('poll'))).toMatchObject({ action: 0 });
    // Judged again, as openat, by the gate.
    expect(decoded(Policy.compat().deny('openat'), number('open'))).toMatchObject({ action: 0 });
    expect(passingCalls(Policy.compat().deny('openat').toJSON())).not.toContain('open');
  });

  it('compiles networks', () => {
    const { network } = Policy.compat()
      .network(
        { address: '192.168.0.0/16', ports: 443 },
        { address: '2001:db8::/32' },
        { address: '::ffff:10.1.2.3', ports: [1, 2] },
        { address: '*' },
      )
      .toJSON();
    const entry = size('PolicyNetwork');
    const blob = encodePolicy({ profile: 'compat', network: network ?? [] });
    expect(blob.readUInt32LE(24)).toBe(5);
    const entries = blob.subarray(blob.length - 5 * entry);
    const show = (i: number): unknown[] => {
      const at = entries.subarray(i * entry, (i + 1) * entry);
      return [at[0], at[1], at.readUInt16LE(2), at.readUInt16LE(4), at.subarray(8).toString('hex')];
    };
    expect(Array.from({ length: 5 }, (_, i) => show(i))).toEqual([
      [2, 16, 443, 443, `c0a80000${'0'.repeat(24)}`],
      [10, 32, 0, 65535, `20010db8${'0'.repeat(24)}`],
      [2, 32, 1, 2, `0a010203${'0'.repeat(24)}`],
      [2, 0, 0, 65535, '0'.repeat(32)],
      [10, 0, 0, 65535, '0'.repeat(32)],
    ]);
  });

  it('names each call of a profile once, and only calls', () => {
    for (const profile of ['default', 'strict'] as const) {
      for (const name of allowedBy(profile) ?? []) expect(syscalls().has(name), name).toBe(true);
    }
  });
});

describe('a policy that is wrong', () => {
  const rule = (more: object): object => ({
    profile: 'compat',
    rules: [{ calls: ['socket'], action: 'deny', ...more }],
  });
  const network = (more: object): object => ({ profile: 'compat', network: [more] });

  for (const [path, policy] of [
    ['', 5],
    ['', []],
    ['.profile', {}],
    ['.profile', 'lax'],
    ['.profile', { profile: 'constructor' }],
    ['.more', { profile: 'compat', more: 1 }],
    ['.rules', { profile: 'compat', rules: {} }],
    ['.rules[0]', { profile: 'compat', rules: ['deny'] }],
    ['.rules[0].calls', { profile: 'compat', rules: [{ action: 'deny' }] }],
    ['.rules[0].calls', rule({ calls: [] })],
    ['.rules[0].calls[0]', rule({ calls: ['opennat'] })],
    ['.rules[0].calls[0]', rule({ calls: ['toString'] })],
    ['.rules[0].calls[1]', rule({ calls: ['read', '@nets'] })],
    ['.rules[0].calls[0]', rule({ calls: [0] })],
    ['.rules[0].action', rule({ action: 'forbid' })],
    ['.rules[0].errno', rule({ errno: 'EWHAT' })],
    ['.rules[0].errno', rule({ errno: 0 })],
    ['.rules[0].errno', rule({ errno: 4096 })],
    ['.rules[0].errno', rule({ action: 'kill', errno: 1 })],
    ['.rules[0].when', rule({ when: {} })],
    ['.rules[0].when', rule({ when: 1 })],
    ['.rules[0].when', rule({ calls: ['@net'], when: { domain: 1 } })],
    ['.rules[0].when.fd', rule({ when: { fd: 1 } })],
    ['.rules[0].when.domain', rule({ when: { domain: 'AF_INET' } })],
    ['.rules[0].when.domain', rule({ when: { domain: 1.5 } })],
    ['.rules[0].when.domain', rule({ when: { domain: 2n ** 64n } })],
    ['.rules[0].when.domain', rule({ when: { domain: { mask: 1 } } })],
    ['.rules[0].when.domain.is', rule({ when: { domain: { is: 1 } } })],
    ['.rules[0].when.domain.equals', rule({ when: { domain: { equals: null } } })],
    [
      '.rules[0].when',
      rule({
        when: {
          domain: { atLeast: 1, atMost: 2, mask: 3, notEquals: 4 },
          type: { above: 1, below: 2, mask: 3 },
        },
      }),
    ],
    ['.network', { profile: 'compat', network: '*' }],
    ['.network[0].address', network({})],
    ['.network[0].address', network({ address: 'example.com' })],
    ['.network[0].address', network({ address: '10.0.0.0/33' })],
    ['.network[0].address', network({ address: '10.0.0.0/8/8' })],
    ['.network[0].address', network({ address: '::/129' })],
    ['.network[0].address', network({ address: 'fe80::1%eth0' })],
    ['.network[0].address', network({ address: '10.0.0.0/' })],
    ['.network[0].ports', network({ address: '*', ports: 65536 })],
    ['.network[0].ports', network({ address: '*', ports: [2, 1] })],
    ['.network[0].ports', network({ address: '*', ports: [1] })],
    ['.network[0].ports', network({ address: '*', ports: 'http' })],
    ['.network[0].port', network({ address: '*', port: 1 })],
    ['.writeXorExecute', { profile: 'compat', writeXorExecute: 'yes' }],
  ] as [string, PolicyDescription][]) {
    it(`names options.policy${path} of ${JSON.stringify(policy, (_, v) => (typeof v === 'bigint' ? `${v}n` : v))}`, () => {
      let error: unknown;
      try {
        policyBlob(policy);
      } catch (thrown) {
        error = thrown;
      }
      expect(error).toBeInstanceOf(SandboxError);
      expect(error).toMatchObject({ code: 'ERR_INVALID_OPTION', path: `options.policy${path}` });
    });
  }
});
