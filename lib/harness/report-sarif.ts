/** Verdicts as SARIF 2.1.0 for code scanning: what got through, and what a sample did that deserves a look. */
import { asciiJson, printable } from '../printable.js';
import { version } from '../version.js';
import { type Attack, attacks } from './metadata.js';
import type { Reported } from './report.js';
import type { Verdict } from './verdict.js';

/** What readers of SARIF take at most of one run. */
const mostResults = 25_000;
const mostText = 2000;

type Level = 'error' | 'warning' | 'note';

interface Rule {
  id: string;
  shortDescription: { text: string };
  fullDescription?: { text: string };
  helpUri?: string;
  defaultConfiguration: { level: Level };
  properties: { tags: string[] };
}

interface Result {
  ruleId: string;
  ruleIndex: number;
  level: Level;
  message: { text: string };
  locations: unknown[];
  occurrenceCount?: number;
}

const general: Record<string, { level: Level; text: string; tags: string[] }> = {
  'outside-reached': {
    level: 'error',
    text: 'Something of the host was reached',
    tags: ['external/cwe/cwe-693', 'T1611'],
  },
  'layer-broken': {
    level: 'error',
    text: 'A layer of the isolation was broken',
    tags: ['external/cwe/cwe-693'],
  },
  'attempt-worked': {
    level: 'error',
    text: 'An attempt of an attack worked',
    tags: ['external/cwe/cwe-693'],
  },
  'denied-call': { level: 'note', text: 'A system call was denied', tags: ['T1106'] },
  fault: { level: 'note', text: 'The processor refused an instruction or an access', tags: [] },
  'limit-met': { level: 'note', text: 'A limit was met', tags: ['external/cwe/cwe-400'] },
  'writable-code': {
    level: 'warning',
    text: 'Memory was made executable that is or was writable',
    tags: ['T1620', 'external/cwe/cwe-506'],
  },
  'self-modification': { level: 'warning', text: 'A program ran code that it had written', tags: ['T1027'] },
};

/** Results of one report with the rules that they follow, each once. */
class Collection {
  readonly rules: Rule[] = [];
  readonly results: Result[] = [];
  omitted = 0;
  readonly #indexes = new Map<string, number>();

  add(rule: Rule, verdict: Verdict, text: string, count = 1): void {
    if (this.results.length >= mostResults) {
      this.omitted++;
      return;
    }
    let ruleIndex = this.#indexes.get(rule.id);
    if (ruleIndex === undefined) {
      ruleIndex = this.rules.push(rule) - 1;
      this.#indexes.set(rule.id, ruleIndex);
    }
    const shown = (value: string): string => printable(value.slice(0, mostText));
    const name = shown(verdict.sample.name);
    this.results.push({
      ruleId: rule.id,
      ruleIndex,
      level: rule.defaultConfiguration.level,
      message: { text: `${name} in ${shown(verdict.isolation)}: ${shown(text)}` },
      locations: [{ physicalLocation: { artifactLocation: { uri: encodeURIComponent(name) } } }],
      ...(count > 1 ? { occurrenceCount: count } : {}),
    });
  }
}

function generalRule(id: keyof typeof general): Rule {
  const { level, text, tags } = general[id] as (typeof general)[string];
  return {
    id,
    shortDescription: { text },
    defaultConfiguration: { level },
    properties: { tags: ['security', ...tags] },
  };
}

/** Of an attack: its technique and weakness together, which several attacks may have. */
function attackRule({ technique, weakness }: Attack): Rule {
  const number = weakness.slice('CWE-'.length);
  return {
    id: `${technique}/${weakness}`,
    shortDescription: { text: `An attack of technique ${technique} by weakness ${weakness} worked` },
    helpUri: `https://cwe.mitre.org/data/definitions/${number}.html`,
    defaultConfiguration: { level: 'error' },
    properties: { tags: ['security', technique, `external/cwe/cwe-${number}`] },
  };
}

function collect(verdict: Verdict, attack: Attack | undefined, into: Collection): void {
  const worked = attack ? attackRule(attack) : generalRule('attempt-worked');
  const times = (text: string, count: number): string => (count > 1 ? `${text} (${count} times)` : text);
  for (const { name, stopped } of verdict.attempts)
    if (stopped === undefined) into.add(worked, verdict, `attempt ${name} worked`);
  for (const text of verdict.reached) into.add(generalRule('outside-reached'), verdict, text);
  for (const { kind, layer, text } of verdict.evidence)
    if (kind === 'breach') into.add(generalRule('layer-broken'), verdict, `${layer}: ${text}`);
  if (verdict.selfModification)
    into.add(generalRule('self-modification'), verdict, 'it ran code that it had written');
  for (const { syscall, bytes, writable, errno, count } of verdict.executable)
    if (writable && errno === undefined)
      into.add(generalRule('writable-code'), verdict, times(`${syscall} of ${bytes} bytes`, count), count);
  for (const { text, calls } of verdict.denied)
    into.add(generalRule('denied-call'), verdict, times(text, calls), calls);
  for (const { signal, address, instruction, count } of verdict.faults)
    into.add(
      generalRule('fault'),
      verdict,
      times(`${signal} at ${address}, instruction ${instruction}`, count),
      count,
    );
  for (const { limit, syscall, count } of verdict.limits)
    into.add(
      generalRule('limit-met'),
      verdict,
      times(syscall ? `${limit} in ${syscall}` : limit, count),
      count,
    );
}

/**
 * Nothing that is said of it can be wrong for want of events. Of an attack its own report is what counts: where it runs beside other
 * isolations nothing else is looked at.
 */
function isWhole({ complete, omitted, missing, attempts, evidence }: Verdict): boolean {
  if (complete) return true;
  const isAttack = attempts.length > 0 || evidence.some(({ kind }) => kind === 'expected');
  return isAttack && omitted === 0 && Object.values(missing).every((count) => count === 0);
}

export function reportSarif({ title, verdicts }: Reported): string {
  const corpus = verdicts.some(({ attempts }) => attempts.length > 0)
    ? new Map(attacks().map((attack) => [attack.name, attack]))
    : new Map<string, Attack>();
  const found = new Collection();
  for (const verdict of verdicts) collect(verdict, corpus.get(verdict.sample.name), found);
  return asciiJson({
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: {
            name: 'barchan',
            version,
            semanticVersion: version,
            informationUri: 'https://www.npmjs.com/package/barchan',
            rules: found.rules,
          },
        },
        automationDetails: { description: { text: printable(title) } },
        invocations: [
          {
            executionSuccessful: verdicts.every(isWhole),
            ...(found.omitted > 0
              ? {
                  toolExecutionNotifications: [
                    { level: 'warning', message: { text: `${found.omitted} results were left out` } },
                  ],
                }
              : {}),
          },
        ],
        results: found.results,
      },
    ],
  });
}
