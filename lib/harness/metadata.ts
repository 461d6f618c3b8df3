/** What an attack of the corpus says of itself in its first comment; see corpus/README.md. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { SandboxOptions } from '../options.js';

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

/** Where the same program, without the layer, reports that its attempts worked. */
export type Control =
  | { kind: 'native' }
  | { kind: 'sandbox'; options: SandboxOptions }
  | { kind: 'none'; reason: string };

export interface Attack {
  /** "family/name". */
  name: string;
  /** Path of the C source. */
  source: string;
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
  'flags',
  'timeout',
]);

/** Parses the first comment of `text`; throws an Error that names `name` and what is wrong with it. */
export function parseAttack(name: string, source: string, text: string): Attack {
  const wrong = (what: string): Error => new Error(`attack ${name}: ${what}`);
  const comment: string[] = [];
  for (const line of text.split('\n')) {
    if (!line.startsWith('//')) break;
    comment.push(line.slice(2).trim());
  }
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
    controlDone: fields.get('control-done')?.split(/\s*,\s*/),
    attempts: Number(field('attempts', /^[1-9]\d*$/)),
    reads: fields.has('reads') ? (field('reads', /^(maps|descriptors)$/) as Attack['reads']) : undefined,
    flags: fields.get('flags')?.split(/\s+/) ?? [],
    timeoutMs: 1000 * Number(fields.has('timeout') ? field('timeout', /^[1-9]\d*$/) : 30),
  };
  if (!attack.summary) throw wrong('the first comment says nothing of what is tried');
  if (attack.control.kind === 'none' && attack.controlDone) throw wrong('@control-done without a control');
  return attack;
}

const corpus = fileURLToPath(new URL('../../corpus/', import.meta.url));

/** The attacks that come with the package, or those below `folder`, by name. Throws as parseAttack does. */
export function attacks(folder: string = corpus): Attack[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.c'))
    .sort()
    .map((file) => {
      const source = join(folder, file);
      return parseAttack(relative(folder, source).slice(0, -2), source, readFileSync(source, 'utf8'));
    });
}
