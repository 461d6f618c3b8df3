/**
 * Faults that a program's system calls meet on purpose: some fail, come late, or move fewer bytes (docs/chaos.md).
 *
 * What happens to a call follows from the seed, from whose child the thread is, and from how many such calls it has made
 * before, and from nothing else: the same seed gives the same faults again.
 */
import { randomInt } from 'node:crypto';
import { inspect } from 'node:util';
import { checkChaos } from './chaos-check.js';
import { type ChaosPreset, chaosPresets } from './chaos-presets.js';
import { SandboxError } from './errors.js';
import type { CallPattern } from './policy.js';

export type { ChaosPreset } from './chaos-presets.js';

/** Which of the calls that a thread makes and the rule names, counted from 1. */
export interface ChaosWhen {
  /** Default 1. */
  first?: number | undefined;
  /** Default: no end. */
  last?: number | undefined;
  /** From `first` on each so many-th; default 1: all. */
  every?: number | undefined;
}

export interface ChaosOptions {
  /** Of each call that `when` selects, above 0, at most 1; default 1. */
  probability?: number | undefined;
  /** A number: that call only. */
  when?: number | ChaosWhen | undefined;
  /**
   * Only where the call's first argument is a descriptor of a file, folder or disk (files), or of anything else (streams: pipes,
   * sockets, terminals ...). Default: any.
   */
  on?: 'files' | 'streams' | undefined;
}

export interface ChaosRule extends ChaosOptions {
  /** Names as the gate knows them: openat, not open. A family (@file) stands for its calls that this can be done to. */
  calls: readonly CallPattern[];
  /** fail: not made. shorten: made for fewer bytes, or elements, at least one. delay: made later. */
  action: 'fail' | 'shorten' | 'delay';
  /** fail: a name such as 'EIO', or a number from 1 to 511. */
  errno?: string | number | undefined;
  /** delay: milliseconds, 0.001 to 600000. */
  ms?: number | undefined;
  /** shorten: to so many at most. Default: chance decides, from 1 to one less than asked for. */
  most?: number | undefined;
}

/** As plain data, for files. */
export interface ChaosDescription {
  /** A whole number from 0 to 2^53 - 1. */
  seed: number;
  /** All that hit a call: delays add up, of others the first. At most 32. */
  rules: readonly ChaosRule[];
}

/** One call or family, or several. */
export type ChaosCalls = CallPattern | readonly CallPattern[];
const listed = (calls: ChaosCalls): readonly CallPattern[] => (typeof calls === 'string' ? [calls] : calls);

/** Immutable: every method returns a new one. All throw ERR_INVALID_OPTION with the path of what is wrong. */
export class Chaos {
  readonly #description: ChaosDescription;

  /** Without a seed: a random one below 2^32. */
  constructor(options: Partial<ChaosDescription> = {}) {
    const { seed = randomInt(2 ** 32), rules = [], ...unknown } = options;
    const description = { ...unknown, seed, rules };
    checkChaos(description, 'chaos');
    this.#description = structuredClone(description);
  }

  /** From plain data, such as a parsed file. */
  static from(description: ChaosDescription): Chaos {
    checkChaos(description, 'chaos');
    return new Chaos(description);
  }

  get seed(): number {
    return this.#description.seed;
  }

  /** The same rules with another seed. */
  withSeed(seed: number): Chaos {
    return Chaos.from({ ...this.#description, seed });
  }

  /** These calls fail with `errno`, and are not made. */
  fail(calls: ChaosCalls, options: ChaosOptions & { errno: string | number }): Chaos {
    return this.#with({ calls: listed(calls), action: 'fail', ...options });
  }

  /** These calls move fewer bytes than asked for, or give fewer elements, where Linux might do so too. */
  shorten(calls: ChaosCalls, options: ChaosOptions & { most?: number } = {}): Chaos {
    return this.#with({ calls: listed(calls), action: 'shorten', ...options });
  }

  /** These calls are made later. Signals end the wait. */
  delay(calls: ChaosCalls, options: ChaosOptions & { ms: number }): Chaos {
    return this.#with({ calls: listed(calls), action: 'delay', ...options });
  }

  /** The rules of a preset, with its probability or another. */
  preset(name: ChaosPreset, options: { probability?: number | undefined } = {}): Chaos {
    const preset = Object.hasOwn(chaosPresets, name) ? chaosPresets[name] : undefined;
    if (!preset) {
      throw new SandboxError('ERR_INVALID_OPTION', `There is no preset ${inspect(name)}`, {
        path: 'preset',
        value: name,
        remedy: `There are: ${Object.keys(chaosPresets).join(', ')}.`,
      });
    }
    const probability = options.probability ?? preset.probability;
    return this.#with(...preset.rules.map((rule) => ({ ...rule, probability })));
  }

  #with(...rules: ChaosRule[]): Chaos {
    return Chaos.from({ ...this.#description, rules: [...this.#description.rules, ...rules] });
  }

  /** The plain data: `Chaos.from(chaos.toJSON())` is the same. */
  toJSON(): ChaosDescription {
    return structuredClone(this.#description);
  }

  [inspect.custom](): string {
    return `Chaos ${inspect(this.#description, { depth: 4 })}`;
  }
}
