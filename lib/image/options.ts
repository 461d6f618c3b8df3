/** Validation of what callers say of images. */
import { oneOf, path, type Rule, record, wholeFrom } from '../option-rules.js';
import { greatestLimits, type Limits } from './limits.js';

const limits = record(
  Object.fromEntries(
    Object.entries(greatestLimits).map(([name, most]) => [name, wholeFrom(1, most)]),
  ) as Record<keyof Limits, Rule>,
);

export const imageParts = { path, reference: path, cache: path, owners: oneOf('keep', 'caller'), limits };
const full = record(imageParts, ['path']);

/** A path, or all of it. */
export const imageRule: Rule = (value) => {
  if (typeof value === 'object' && value !== null) return full(value);
  return path(value) && { give: 'the path of an image, or { path, reference, cache, owners, limits }' };
};
