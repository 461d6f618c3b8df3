/** What an attack of the corpus says of itself in its first comment; see corpus/README.md. */

import { readdirSync, readFileSync } from 'node:fs';
import { extname, join, relative, sep } from 'node:path';
import type { SandboxOptions } from '../options.js';
import { packageRoot } from '../package-root.js';
import { type PolicyProfile, policyProfiles } from '../policy-profiles.js';

export const layers = [
  'ept',
  'gate',
  'policy',
  'seccomp',
  'namespace',
  'landlock',
  'limit',
  'kernel',
] as const;
/** What stopped an attack, from the processor outwards. */
export type Layer = (typeof layers)[number];

/** What is told of a source by its name's end, and how its first comment is written. */
const languages = { '.c': '//', '.S': '//', '.sh': '#', '.py': '#' } as const;
export type Language = keyof typeof languages;

/** What the judge leaves open for an attack as descriptor 3: folder and file of the host's secret, or the host's root. */
export const passedKinds = ['folder', 'file', 'root'] as const;
export type Passed = (typeof passedKinds)[number];

/** Where the same program, without the layer, reports that its attempts worked. */
export type Control =
  | { kind: 'native' }
  | { kind: 'sandbox'; options: SandboxOptions }
  | { kind: 'none'; reason: string };

export interface Attack {
  /** "family/name". */
  name: string;
  /** Path of the source. */
  source: string;
  language: Language;
  /** What it tries, in a sentence. */
  summary: string;
  /** MITRE ATT&CK technique, as "T1611". */
  technique: string;
  /** CWE entry, as "CWE-822". */
  weakness: string;
  cve: string | undefined;
  stoppedBy: Layer;
  options: SandboxOptions;
  control: Control;
  /** Attempts that work in the control; undefined: all of them; ['any']: at least one. */
  controlDone: readonly string[] | undefined;
  /** Least number of attempts that have to be reported as stopped. */
  attempts: number;
  /** What the judge tells it of its own process as the host sees it. */
  reads: 'maps' | 'descriptors' | undefined;
  /** The judge has the attack's child make calls of the host, as a monitor that was taken over would. */
  injected: boolean;
  passes: Passed | undefined;
  /** Attempts that a profile lets through by decision, and which therefore are no breach under it. */
  permits: Readonly<Partial<Record<PolicyProfile, readonly string[]>>>;
  /** The oldest release of Linux that can stop it, as "6.12". */
  kernel: string | undefined;
  /** Why it is not run in other isolations than barchan's; undefined: it is. */
  notForPeers: string | undefined;
  flags: readonly string[];
  timeoutMs: number;
}

const known = new Set([
  'technique',
  'weakness',
  'cve',
  'stopped-by',
  'options',
  'control',
  'control-done',
  'attempts',
  'reads',
  'injected',
  'passes',
  ...policyProfiles.map((profile) => `permits-${profile}`),
  'kernel',
  'peers',
  'flags',
  'timeout',
]);

const isLanguage = (end: string): end is Language => Object.hasOwn(languages, end);

/** The first comment, without its marks; a line that names the interpreter may stand before it. */
function firstComment(text: string, mark: string): string[] {
  const lines = text.split('\n');
  if (mark === '#' && lines[0]?.startsWith('#!')) lines.shift();
  const end = lines.findIndex((line) => !line.startsWith(mark));
  return lines.slice(0, end < 0 ? undefined : end).map((line) => line.slice(mark.length).trim());
}

const list = (text: string): string[] => text.split(/\s*,\s*/);

/** Parses the first comment of `text`; throws an Error that names `name` and what is wrong with it. */
export function parseAttack(name: string, source: string, text: string): Attack {
  const wrong = (what: string): Error => new Error(`attack ${name}: ${what}`);
  const language = extname(source);
  if (!isLanguage(language)) throw wrong(`${JSON.stringify(language)} is no language of the corpus`);
  const comment = firstComment(text, languages[language]);
  const fields = new Map<string, string>();
  const summary: string[] = [];
  for (const line of comment) {
    const field = /^@([a-z-]+)\s+(.+)$/.exec(line);
    if (field) {
      const [, key, value] = field as unknown as [string, string, string];
      if (!known.has(key)) throw wrong(`unknown field @${key}`);
      if (fields.has(key)) throw wrong(`@${key} is given twice`);
      fields.set(key, value.trim());
    } else if (line.startsWith('@')) throw wrong(`"${line}" has no value`);
    else if (fields.size > 0) throw wrong(`"${line}" stands behind the fields`);
    else summary.push(line);
  }
  const field = (key: string, shape: RegExp): string => {
    const value = fields.get(key);
    if (value === undefined) throw wrong(`@${key} is missing`);
    if (!shape.test(value)) throw wrong(`@${key} ${value} is not of the form ${shape.source}`);
    return value;
  };
  const optional = <Value>(key: string, read: (text: string) => Value): Value | undefined => {
    const value = fields.get(key);
    return value === undefined ? undefined : read(value);
  };
  const json = (key: string, value: string): SandboxOptions => {
    try {
      return JSON.parse(value) as SandboxOptions;
    } catch {
      throw wrong(`@${key} ${value} is not JSON`);
    }
  };
  const control = field('control', /^(native$|none: .|\{)/);
  const attack: Attack = {
    name,
    source,
    language,
    summary: summary.join(' '),
    technique: field('technique', /^T\d{4}(\.\d{3})?$/),
    weakness: field('weakness', /^CWE-\d+$/),
    cve: fields.has('cve') ? field('cve', /^CVE-\d{4}-\d{4,}$/) : undefined,
    stoppedBy: field('stopped-by', new RegExp(`^(${layers.join('|')})$`)) as Layer,
    options: json('options', field('options', /^\{/)),
    control:
      control === 'native'
        ? { kind: 'native' }
        : control.startsWith('none: ')
          ? { kind: 'none', reason: control.slice('none: '.length) }
          : { kind: 'sandbox', options: json('control', control) },
    controlDone: optional('control-done', list),
    attempts: Number(field('attempts', /^[1-9]\d*$/)),
    reads: fields.has('reads') ? (field('reads', /^(maps|descriptors)$/) as Attack['reads']) : undefined,
    injected: fields.has('injected') && field('injected', /^gate$/) === 'gate',
    passes: fields.has('passes')
      ? (field('passes', new RegExp(`^(${passedKinds.join('|')})$`)) as Passed)
      : undefined,
    permits: Object.fromEntries(
      policyProfiles.flatMap((profile) => {
        const names = optional(`permits-${profile}`, list);
        return names ? [[profile, names]] : [];
      }),
    ),
    kernel: fields.has('kernel') ? field('kernel', /^\d+\.\d+$/) : undefined,
    notForPeers: fields.has('peers') ? field('peers', /^none: ./).slice('none: '.length) : undefined,
    flags: fields.get('flags')?.split(/\s+/) ?? [],
    timeoutMs: 1000 * Number(fields.has('timeout') ? field('timeout', /^[1-9]\d*$/) : 30),
  };
  if (!attack.summary) throw wrong('the first comment says nothing of what is tried');
  if (attack.control.kind === 'none' && attack.controlDone) throw wrong('@control-done without a control');
  return attack;
}

/** Is `release`, of a kernel of Linux, `least` or a later one? */
export function isAtLeast(release: string, least: string): boolean {
  const numbers = (text: string): number[] => text.split(/[.-]/).slice(0, 2).map(Number);
  const [[major = 0, minor = 0], [leastMajor = 0, leastMinor = 0]] = [numbers(release), numbers(least)];
  return major !== leastMajor ? major > leastMajor : minor >= leastMinor;
}

/** The folder of the attacks that come with the package. */
export const corpus = join(packageRoot, 'corpus/');

/** The attacks that come with the package, or those below `folder`, by name. Throws as parseAttack does. */
export function attacks(folder: string = corpus): Attack[] {
  const all = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    // What lies in the folder itself is what attacks are written with.
    .filter((file) => file.includes(sep) && isLanguage(extname(file)))
    .sort()
    .map((file) => {
      const source = join(folder, file);
      const name = relative(folder, source).slice(0, -extname(file).length);
      return parseAttack(name, source, readFileSync(source, 'utf8'));
    });
  for (const [i, { name }] of all.entries())
    if (all[i + 1]?.name === name) throw new Error(`attack ${name}: there are two of this name`);
  return all;
}
