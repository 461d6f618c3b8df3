/**
 * Matchers for verdicts, as functions: they know no test runner. A message says what was seen, and what to do.
 *
 * That something is not there can only be said of a verdict from which nothing is missing: where a matcher would pass for want
 * of events it throws instead, with and without `not`.
 */
import { addressText } from '../audit.js';
import { printable } from '../printable.js';
import { isSyscall } from '../syscalls.js';
import { globMatcher } from './globs.js';
import { type Layer, layers } from './metadata.js';
import type { Evidence, Verdict } from './verdict.js';

export interface MatchResult {
  pass: boolean;
  message: () => string;
}

const mostShown = 20;
/** No file that anybody keeps. */
const devices = /^\/dev\/(null|zero|full|u?random|tty|pts\/.*|std(in|out|err)|fd\/.*)$/;
const networkFamilies = /\bAF_(INET6?|PACKET|VSOCK|CAN|BLUETOOTH|TIPC|XDP)\b/;
const silentFamilies = new Set(['AF_UNIX', 'AF_NETLINK', 'AF_UNSPEC']);
const socketMakers = new Set(['socket', 'connect', 'bind', 'sendto', 'sendmsg', 'sendmmsg']);

/** Throws a TypeError for what is no verdict. */
export function mustBeVerdict(value: unknown): asserts value is Verdict {
  if (typeof value === 'object' && value !== null && 'barchanVerdict' in value) return;
  throw new TypeError(
    'expect() was not given a verdict: give it what `await harness.run(...)` resolves with',
  );
}

/** Throws when events of the run are missing. */
function mustBeWhole(verdict: Verdict, claim: string): void {
  const { dropped, lost, malformed } = verdict.missing;
  if (dropped + lost + malformed + verdict.omitted === 0) return;
  throw new Error(
    `It cannot be said of ${nameOf(verdict)} that it ${claim}: the verdict is not complete ` +
      `(${dropped} events dropped, ${lost} lost, ${malformed} malformed, ${verdict.omitted} entries left out).\n` +
      'Raise the bounds (`keep` of harness.run), or give the sample less to do.',
  );
}

const nameOf = (verdict: Verdict): string => `"${printable(verdict.sample.name)}" (${verdict.isolation})`;

/** One line each, harmless to a terminal. */
export function lines(texts: readonly string[], most = mostShown): string {
  const shown = texts.slice(0, most).map((text) => `  ${printable(text)}`);
  return [...shown, ...(texts.length > most ? [`  and ${texts.length - most} more`] : [])].join('\n');
}

const evidenceLine = ({ layer, kind, text }: Evidence): string => `${layer} (${kind}): ${text}`;

export function contained(verdict: Verdict): MatchResult {
  const worked = verdict.attempts.filter(({ stopped }) => stopped === undefined).map(({ name }) => name);
  const breaches = verdict.evidence.filter(({ kind }) => kind === 'breach').map(({ text }) => text);
  return {
    pass: verdict.contained === true,
    message: () => {
      if (verdict.contained)
        return `Expected ${nameOf(verdict)} not to be contained, but nothing that it tried worked, and nothing outside was reached.`;
      if (verdict.contained === undefined)
        return `Expected ${nameOf(verdict)} to be contained, but a run without isolation shows nothing of that. Run it by harness.run() with isolation.`;
      return [
        `Expected ${nameOf(verdict)} to be contained.`,
        ...(worked.length > 0 ? [`These attempts worked:\n${lines(worked)}`] : []),
        ...(verdict.reached.length > 0 ? [`Outside of the sandbox:\n${lines(verdict.reached)}`] : []),
        ...(breaches.length > 0 ? [`A layer was broken:\n${lines(breaches)}`] : []),
        'Use a narrower policy or fewer mounts; should neither let this through, report it (SECURITY.md).',
      ].join('\n');
    },
  };
}

/** Throws a TypeError for what is no layer. */
export function stoppedBy(verdict: Verdict, layer: Layer): MatchResult {
  if (!layers.includes(layer))
    throw new TypeError(`"${printable(String(layer))}" is no layer: give one of ${layers.join(', ')}`);
  return {
    pass: verdict.stoppedBy === layer,
    message: () => {
      const evidence = verdict.evidence.map(evidenceLine);
      if (verdict.stoppedBy === layer)
        return `Expected ${nameOf(verdict)} not to be stopped by ${layer}, but it was:\n${lines(evidence)}`;
      const worked = verdict.attempts.filter(({ stopped }) => stopped === undefined).map(({ name }) => name);
      return [
        `Expected ${nameOf(verdict)} to be stopped by ${layer}, but ${verdict.stoppedBy === undefined ? 'no layer stopped it' : `${verdict.stoppedBy} did`}.`,
        ...(worked.length > 0 ? [`These attempts worked:\n${lines(worked)}`] : []),
        ...(verdict.failedControls.length > 0
          ? [`It shows nothing, since what has to work did not:\n${lines(verdict.failedControls)}`]
          : []),
        evidence.length > 0
          ? `Evidence:\n${lines(evidence)}`
          : 'There is no evidence of anything that was stopped.',
      ].join('\n');
    },
  };
}

/** Files that were written, created, changed or deleted; with `reads` those that were read too. */
export function onlyTouched(
  verdict: Verdict,
  globs: string | readonly string[],
  options: { reads?: string | readonly string[] | undefined } = {},
): MatchResult {
  const list = (value: string | readonly string[]): readonly string[] =>
    typeof value === 'string' ? [value] : value;
  const allowed = globMatcher(list(globs));
  const readable =
    options.reads === undefined ? undefined : globMatcher([...list(globs), ...list(options.reads)]);
  const found = new Map<string, string>();
  for (const { path, uses } of verdict.files) {
    if (devices.test(path)) continue;
    const touching = uses.filter((use) => use !== 'read');
    if (touching.length > 0 && !allowed(path)) found.set(path, touching.join(', '));
    else if (uses.includes('read') && readable && !readable(path)) found.set(path, 'read');
  }
  for (const { path, change } of verdict.dropped)
    if (!allowed(path) && !found.has(path)) found.set(path, change);
  for (const path of verdict.deleted) if (!allowed(path) && !found.has(path)) found.set(path, 'deleted');
  if (found.size === 0) mustBeWhole(verdict, 'touched nothing else');
  return {
    pass: found.size === 0,
    message: () =>
      found.size === 0
        ? `Expected ${nameOf(verdict)} to touch files outside of ${list(globs).join(', ')}, but it did not.`
        : `Expected ${nameOf(verdict)} to touch only ${list(globs).join(', ')}.\nIt also touched:\n` +
          `${lines([...found].sort().map(([path, how]) => `${path} (${how})`))}\n` +
          'Add patterns for those that it may touch, or mount them read-only to see whether it can do without.',
  };
}

/** A list: these calls; an object: at most so many of each. Throws a TypeError for a name that is no call. */
export function usedNoMoreThan(
  verdict: Verdict,
  allowed: readonly string[] | Readonly<Record<string, number>>,
): MatchResult {
  const most = Array.isArray(allowed)
    ? new Map((allowed as readonly string[]).map((name) => [name, Number.POSITIVE_INFINITY]))
    : new Map(Object.entries(allowed as Readonly<Record<string, number>>));
  for (const name of most.keys())
    if (!isSyscall(name)) throw new TypeError(`"${printable(name)}" is no system call (docs/syscalls.md)`);
  const found = verdict.syscalls.flatMap(({ name, calls, firstMs, atLeast }) => {
    const bound = most.get(name);
    if (bound === undefined) return [`${name}: ${calls} calls, the first after ${firstMs} ms`];
    return calls > bound
      ? [`${name}: ${atLeast ? 'at least ' : ''}${calls} calls, at most ${bound} expected`]
      : [];
  });
  if (found.length === 0) {
    mustBeWhole(verdict, 'used no other system calls');
    const unknown = verdict.syscalls.find(
      ({ name, atLeast }) => atLeast && most.get(name) !== Number.POSITIVE_INFINITY,
    );
    if (unknown)
      throw new Error(
        `${nameOf(verdict)} made more than ${unknown.calls} calls of ${unknown.name}: raise keep.calls of harness.run to count them`,
      );
  }
  return {
    pass: found.length === 0,
    message: () =>
      found.length === 0
        ? `Expected ${nameOf(verdict)} to use more than these system calls, but it did not: ${[...most.keys()].join(', ')}.`
        : `Expected ${nameOf(verdict)} to use no more than ${most.size} system calls.\nIt also used:\n${lines(found)}\n` +
          'Allow those that it may use; `barchan policy learn` writes a policy with them.',
  };
}

export function madeNoNetworkAttempt(verdict: Verdict): MatchResult {
  const attempts = [
    ...verdict.sockets
      .filter(({ address }) => !silentFamilies.has(address.family))
      .map(({ use, address, calls, errors }) => {
        const failed = errors.length > 0 ? ` (${errors.join(', ')})` : '';
        return `${use} ${addressText(address)}${calls > 0 ? '' : failed}`;
      }),
    ...verdict.names.map(({ name, type }) => `name ${name} (${type})`),
    ...verdict.flows.map(({ protocol, host, address, port }) => `${protocol} to ${host ?? address}:${port}`),
    ...verdict.denied
      .filter(({ syscall, text }) => socketMakers.has(syscall) && networkFamilies.test(text))
      .map(({ text }) => text),
  ];
  const found = [...new Set(attempts)];
  if (found.length === 0) mustBeWhole(verdict, 'made no network attempt');
  return {
    pass: found.length === 0,
    message: () =>
      found.length === 0
        ? `Expected ${nameOf(verdict)} to make a network attempt, but it made none.`
        : `Expected ${nameOf(verdict)} to make no network attempt.\nIt tried:\n${lines(found)}\n` +
          'The timeline of the verdict says which process, and when.',
  };
}
