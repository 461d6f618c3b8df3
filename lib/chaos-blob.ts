/** Writes chaos rules in the form of native/abi/chaos.h, which the monitor reads. */
import { Chaos, type ChaosDescription, type ChaosRule } from './chaos.js';
import { checkChaos, numbersOf } from './chaos-check.js';
import { errnoOf } from './policy-check.js';

const magic = 0x53414843;
const version = 1;
const headerSize = 32;
const ruleSize = 96;
const actions = { fail: 1, shorten: 2, delay: 3 } as const;
const kinds = { files: 1, streams: 2 } as const;
const noEnd = 2 ** 32 - 1;

/** A call is hit when a number of 64 bits is not above it. */
function threshold(probability: number): bigint {
  const parts = BigInt(Math.max(1, Math.round(probability * 2 ** 53)));
  return (parts << 11n) - 1n;
}

function encodeRule(rule: ChaosRule, path: string): Buffer {
  const bytes = Buffer.alloc(ruleSize);
  const {
    first = 1,
    last = noEnd,
    every = 1,
  } = typeof rule.when === 'number' ? { first: rule.when, last: rule.when } : (rule.when ?? {});
  bytes.writeUInt8(actions[rule.action], 0);
  bytes.writeUInt8(rule.on === undefined ? 0 : kinds[rule.on], 1);
  bytes.writeUInt16LE(rule.action === 'fail' ? errnoOf(rule.errno, `${path}.errno`) : 0, 2);
  bytes.writeUInt32LE(first, 4);
  bytes.writeUInt32LE(last, 8);
  bytes.writeUInt32LE(every, 12);
  bytes.writeBigUInt64LE(threshold(rule.probability ?? 1), 16);
  bytes.writeBigUInt64LE(BigInt(rule.most ?? Math.round((rule.ms ?? 0) * 1e6)), 24);
  for (const number of numbersOf(rule, path)) {
    const at = 32 + (number >> 3);
    bytes.writeUInt8(bytes.readUInt8(at) | (1 << (number & 7)), at);
  }
  return bytes;
}

/** Undefined when there is no rule. Throws ERR_INVALID_OPTION with a path below options.chaos. */
export function chaosBlob(chaos: Chaos | ChaosDescription): Buffer | undefined {
  const description = chaos instanceof Chaos ? chaos.toJSON() : chaos;
  checkChaos(description, 'options.chaos');
  const { seed, rules } = description;
  if (rules.length === 0) return undefined;
  const header = Buffer.alloc(headerSize);
  const size = headerSize + rules.length * ruleSize;
  header.writeUInt32LE(magic, 0);
  header.writeUInt32LE(version, 4);
  header.writeUInt32LE(size, 8);
  header.writeUInt32LE(rules.length, 12);
  header.writeBigUInt64LE(BigInt(seed), 16);
  return Buffer.concat(
    [header, ...rules.map((rule, i) => encodeRule(rule, `options.chaos.rules[${i}]`))],
    size,
  );
}
