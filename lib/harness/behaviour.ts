/**
 * What a sample does, without what chance decides: pids, times, addresses, temporary names, order and number of calls. Two runs
 * of one program have the same behaviour; an upgrade that does something new has not.
 */
import { addressText } from '../audit.js';
import type { Verdict } from './verdict.js';

/** Goes up when profiles that were stored can no longer be compared. */
export const behaviourVersion = 1;

/** Sorted lists, each text once. */
export interface Behaviour {
  barchanBehaviour: typeof behaviourVersion;
  exit: string[];
  programs: string[];
  read: string[];
  written: string[];
  deleted: string[];
  network: string[];
  syscalls: string[];
  denied: string[];
  executable: string[];
  faults: string[];
  limits: string[];
}

export type BehaviourPart = Exclude<keyof Behaviour, 'barchanBehaviour'>;

export const behaviourParts: readonly BehaviourPart[] = [
  'exit',
  'programs',
  'read',
  'written',
  'deleted',
  'network',
  'syscalls',
  'denied',
  'executable',
  'faults',
  'limits',
];

export interface BehaviourOptions {
  /** More to be put in place of what differs from run to run: in names, arguments and addresses, in this order. */
  normalise?: readonly (readonly [pattern: RegExp, replacement: string])[] | undefined;
}

export interface BehaviourChange {
  part: BehaviourPart;
  /** new: not in the profile; gone: only in the profile. */
  kind: 'new' | 'gone';
  text: string;
}

/** Made or not by chance alone: of memory, locks, scheduling and interruptions. */
const byChance = new Set([
  'brk',
  'futex',
  'madvise',
  'munmap',
  'mremap',
  'restart_syscall',
  'rt_sigreturn',
  'sched_yield',
  'tgkill',
]);
/** What such a program writes to is no file that anybody keeps. */
const devices = /^\/dev\/(null|zero|full|u?random|tty|pts\/.*|std(in|out|err)|fd\/.*)$/;
const leastEphemeral = 32_768;

const rules: readonly (readonly [RegExp, string])[] = [
  [/\/proc\/\d+/g, '/proc/PID'],
  [/\/task\/\d+/g, '/task/TID'],
  [/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/gi, 'UUID'],
  [/\d{4}-\d\d-\d\dT\d\d[:_]\d\d[:_]\d\d[._]?\d*Z?/g, 'TIME'],
  [/0x[0-9a-f]{6,}/gi, 'ADDRESS'],
  [/(?<![0-9a-z])(?=[a-f]*\d)(?=\d*[a-f])[0-9a-f]{16,}(?![0-9a-z])/gi, 'HEX'],
  [/(?<!\d)\d{9,}(?!\d)/g, 'NUMBER'],
];
const temporaryFolder = /^\/(tmp|run|var\/tmp|dev\/shm)\//;
/** Of mkstemp(3), mktemp(1), Python, Node.js and compilers, and process numbers: in folders for temporary files only. */
const temporaryName = [
  [/^tmp\.[A-Za-z0-9]{6,}$/, 'tmp.RANDOM'],
  [/^tmp[a-z0-9_]{8}$/, 'tmpRANDOM'],
  [/^cc[A-Za-z0-9]{6}(?=\.|$)/, 'ccRANDOM'],
  [/(?<=[-_.])(?=[A-Za-z0-9]*[A-Z0-9])[A-Za-z0-9]{6}$/, 'RANDOM'],
  [/\d{3,}/g, 'NUMBER'],
] as const;

/** `text` of a sample's, without what chance decides. */
export function normalised(text: string, { normalise = [] }: BehaviourOptions = {}): string {
  let result = text;
  for (const [pattern, replacement] of [...normalise, ...rules])
    result = result.replace(pattern, replacement);
  return result
    .split(' ')
    .map((word) => {
      if (!temporaryFolder.test(word)) return word;
      return word
        .split('/')
        .map((part) =>
          temporaryName.reduce((name, [pattern, replacement]) => name.replace(pattern, replacement), part),
        )
        .join('/');
    })
    .join(' ');
}

/** The behaviour that a verdict shows. */
export function behaviour(verdict: Verdict, options: BehaviourOptions = {}): Behaviour {
  const list = (texts: readonly string[]): string[] =>
    [...new Set(texts.map((text) => normalised(text, options)))].sort();
  const files = (...uses: string[]): string[] =>
    verdict.files
      .filter((file) => !devices.test(file.path) && file.uses.some((use) => uses.includes(use)))
      .map(({ path }) => path);
  const { exitCode, signal, timedOut } = verdict.exit;
  const sockets = verdict.sockets.map(({ use, address }) => {
    if (!('port' in address)) return `${use} ${addressText(address)}`;
    return `${use} ${addressText({ ...address, port: 0 }).slice(0, -1)}${portText(use, address.port)}`;
  });
  return {
    barchanBehaviour: behaviourVersion,
    exit: [timedOut ? 'time-out' : (signal ?? `status ${exitCode}`)],
    programs: list(verdict.programs.map(({ path, argv }) => [path, ...argv.slice(1)].join(' '))),
    read: list(files('read')),
    written: list([...files('written', 'created', 'changed'), ...verdict.dropped.map(({ path }) => path)]),
    deleted: list([...files('deleted'), ...verdict.deleted]),
    network: list([...sockets, ...verdict.names.map(({ name, type }) => `name ${name} ${type}`)]),
    syscalls: list(verdict.syscalls.map(({ name }) => name).filter((name) => !byChance.has(name))),
    denied: list(
      verdict.denied.map((refusal) => `${refusal.syscall} ${refusal.verdict} ${refusal.errno ?? ''}`.trim()),
    ),
    executable: list(
      verdict.executable
        .filter(({ errno }) => errno === undefined)
        .map((memory) =>
          [
            memory.syscall,
            memory.anonymous ? 'anonymous' : 'file',
            ...(memory.writable ? ['writable'] : []),
          ].join(' '),
        ),
    ),
    faults: list(verdict.faults.map((fault) => `${fault.signal} vector ${fault.vector}`)),
    limits: list(verdict.limits.map(({ limit, syscall }) => (syscall ? `${limit} ${syscall}` : limit))),
  };
}

/** A port that the kernel chose differs from run to run. */
const portText = (use: string, port: number): string =>
  use === 'bind' && (port === 0 || port >= leastEphemeral) ? 'ANY' : String(port);

/** What `now` has and `before` had not, first; then what is gone. */
export function compareBehaviour(before: Behaviour, now: Behaviour): BehaviourChange[] {
  const only = (kind: BehaviourChange['kind'], from: Behaviour, other: Behaviour): BehaviourChange[] =>
    behaviourParts.flatMap((part) => {
      const known = new Set(other[part]);
      return from[part].filter((text) => !known.has(text)).map((text) => ({ part, kind, text }));
    });
  return [...only('new', now, before), ...only('gone', before, now)];
}

/** Throws an Error that says what is wrong with a stored profile. */
export function parseBehaviour(text: string): Behaviour {
  const value = JSON.parse(text) as Behaviour | null;
  if (typeof value !== 'object' || value?.barchanBehaviour !== behaviourVersion)
    throw new Error(`it is no profile of version ${behaviourVersion}`);
  for (const part of behaviourParts) {
    const list: unknown = value[part];
    if (!Array.isArray(list) || !list.every((entry) => typeof entry === 'string'))
      throw new Error(`its "${part}" is no list of strings`);
  }
  return value;
}
