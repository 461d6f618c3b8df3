/** Rules for the values of options: what all kinds of option are made of. */
import { constants } from 'node:buffer';
import { accessSync, constants as fsConstants, statSync } from 'node:fs';

const greatestMaxOutputBytes = constants.MAX_STRING_LENGTH;
const greatestTimeoutMs = 2 ** 31 - 1;

/** What to give instead, and where the mistake is when it is inside the value (`.NAME`, `[3]`). */
export type Problem = { give: string; at?: string; value?: unknown };
export type Rule = (value: unknown) => Problem | undefined;

/** Every rule but those for lists and records: a test, and what passes it. */
export const rule =
  (test: (value: unknown) => boolean, give: string): Rule =>
  (value) =>
    test(value) ? undefined : { give };

export const whole = (value: unknown, greatest: number): boolean =>
  Number.isInteger(value) && (value as number) >= 0 && (value as number) <= greatest;

export const text = rule(
  (value) => typeof value === 'string' && !value.includes('\0'),
  'a string without NUL bytes',
);
export const path = rule(
  (value) => typeof value === 'string' && value !== '' && !value.includes('\0'),
  'a path, a string that is not empty and has no NUL bytes',
);
export const flag = rule((value) => typeof value === 'boolean', 'true or false');
export const descriptor = rule((value) => whole(value, 2 ** 31 - 1), 'the number of an open descriptor');
export const milliseconds = rule(
  (value) => whole(value, greatestTimeoutMs),
  `whole milliseconds from 0 (no limit) to ${greatestTimeoutMs}`,
);
export const byteCount = rule(
  (value) => whole(value, greatestMaxOutputBytes),
  `a whole number of bytes from 0 to ${greatestMaxOutputBytes}`,
);
export const directory: Rule = (value) => {
  const problem = path(value);
  if (problem) return problem;
  const give = 'a directory that this user can enter';
  try {
    if (!statSync(value as string).isDirectory()) return { give: `${give}; this is none` };
    accessSync(value as string, fsConstants.X_OK);
    return undefined;
  } catch (error) {
    return { give: `${give}; this gives ${(error as NodeJS.ErrnoException).code}` };
  }
};

/** A whole number in a range. */
export const wholeFrom = (least: number, greatest: number): Rule =>
  rule(
    (value) => whole(value, greatest) && (value as number) >= least,
    `a whole number from ${least} to ${greatest}`,
  );

export const oneOf = (...words: readonly unknown[]): Rule =>
  rule((value) => words.includes(value), words.map((word) => JSON.stringify(word)).join(' or '));

/** The same problem, seen from the whole that `value` is a part of. */
export function within(at: string, value: unknown, problem: Problem | undefined): Problem | undefined {
  return (
    problem && { give: problem.give, at: at + (problem.at ?? ''), value: problem.at ? problem.value : value }
  );
}

/** An object with some of these properties, all of `required` among them. */
export const record =
  (known: Record<string, Rule>, required: readonly string[] = []): Rule =>
  (value) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      return { give: `an object with ${Object.keys(known).join(', ')}` };
    const parts = value as Record<string, unknown>;
    for (const [name, part] of Object.entries(parts)) {
      if (!Object.hasOwn(known, name))
        return { at: `.${name}`, value: part, give: `nothing but ${Object.keys(known).join(', ')}` };
    }
    for (const [name, check] of Object.entries(known)) {
      if (parts[name] === undefined && !required.includes(name)) continue;
      const problem = within(`.${name}`, parts[name], check(parts[name]));
      if (problem) return problem;
    }
    return undefined;
  };

export const listOf =
  (check: Rule, most: number): Rule =>
  (value) => {
    if (!Array.isArray(value) || value.length > most) return { give: `a list of at most ${most}` };
    for (const [index, entry] of value.entries()) {
      const problem = within(`[${index}]`, entry, check(entry));
      if (problem) return problem;
    }
    return undefined;
  };

const characters = wholeFrom(1, 65535);

/** Of a terminal: { cols, rows }. */
export const terminalSize: Rule = (value) => {
  const give = 'an object with cols and rows, whole numbers from 1 to 65535';
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return { give };
  for (const name of new Set(['cols', 'rows', ...Object.keys(value)])) {
    const entry = (value as Record<string, unknown>)[name];
    const problem = name === 'cols' || name === 'rows' ? characters(entry) : { give };
    if (problem) return { ...problem, at: `.${name}`, value: entry };
  }
  return undefined;
};
