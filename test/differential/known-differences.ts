/**
 * Guest programs that do not behave as natively yet, or whose native run is no steady oracle: skipped, counted
 * and printed with the reason. An entry goes when the difference does.
 */
export const knownDifferences: Record<string, string> = {};
