/** JSON of an image, whose every field may be anything. */
import { invalid } from './errors.js';

export type Json = Record<string, unknown>;

export function parseObject(bytes: Buffer, what: string): Json {
  return object(parse(bytes, what), what);
}

export function parse(bytes: Buffer, what: string): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw invalid(`${what} is no JSON`, error);
  }
}

export function object(value: unknown, what: string): Json {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw invalid(`${what} is no object`);
  return value as Json;
}

/** A list, at most `most` long; none where there is nothing. */
export function list(value: unknown, what: string, most = 10_000): unknown[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value) || value.length > most) throw invalid(`${what} is no list of at most ${most}`);
  return value;
}

export function text(value: unknown, what: string): string {
  if (value === undefined || value === null) return '';
  if (typeof value !== 'string' || value.includes('\0'))
    throw invalid(`${what} is no string without NUL bytes`);
  return value;
}

export const texts = (value: unknown, what: string): string[] =>
  list(value, what).map((entry) => text(entry, what));
