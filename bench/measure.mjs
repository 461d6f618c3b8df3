/**
 * Measuring side by side: every way to run a case takes its turn in every round, so that what else the machine does
 * falls on all of them alike; medians and quartiles of the rounds are kept.
 */

/** @param {number[]} numbers sorted @param {number} part 0 to 1 */
const quantile = (numbers, part) => {
  const at = (numbers.length - 1) * part;
  const low = numbers[Math.floor(at)] ?? Number.NaN;
  const high = numbers[Math.ceil(at)] ?? Number.NaN;
  return low + (high - low) * (at - Math.floor(at));
};

/**
 * @typedef {object} Figure
 * @property {number} median
 * @property {number} low  first quartile
 * @property {number} high  third quartile
 * @property {number} rounds
 */

/** @param {number[]} samples @returns {Figure} */
export function figure(samples) {
  const sorted = samples.toSorted((a, b) => a - b);
  return {
    median: quantile(sorted, 0.5),
    low: quantile(sorted, 0.25),
    high: quantile(sorted, 0.75),
    rounds: sorted.length,
  };
}

/** After so long a case goes through no further round, if all that is measured of it has been once. */
const longestMs = 40_000;

/**
 * Runs each of `ways` once in each round, in turn, after one round that does not count.
 * A way that fails is left out from then on, with its error; a case that takes very long has fewer rounds, which its
 * figures say.
 * @param {Map<string, () => number | Promise<number>>} ways
 * @param {number} rounds
 */
export async function sideBySide(ways, rounds) {
  /** @type {Map<string, number[]>} */
  const samples = new Map([...ways.keys()].map((name) => [name, []]));
  /** @type {Record<string, string>} */
  const failed = {};
  const begin = performance.now();
  for (let round = -1; round < rounds; round++) {
    if (round > 0 && performance.now() - begin > longestMs) break;
    for (const [name, once] of ways) {
      if (failed[name] !== undefined) continue;
      try {
        const value = await once();
        if (!Number.isFinite(value) || value <= 0) throw new Error(`measured ${value}`);
        if (round >= 0) samples.get(name)?.push(value);
      } catch (error) {
        failed[name] = reason(error);
      }
    }
  }
  /** @type {Record<string, Figure>} */
  const figures = {};
  for (const [name, values] of samples) if (failed[name] === undefined) figures[name] = figure(values);
  return { figures, failed };
}

/** @param {unknown} error */
export const reason = (error) => String(error instanceof Error ? error.message : error).slice(0, 300);
