/** Reports of the harness: right for those who read them, whatever a sample has for names. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { type AuditReport, auditVersion } from '../../lib/audit.js';
import { auditHtml } from '../../lib/audit-html.js';
import { attacks, formatReport, type ReportFormat, run, type Verdict } from '../../lib/harness/index.js';
import { browse } from '../helpers/browser.js';
import { type Schema, schemaErrors } from '../helpers/json-schema.js';
import { temporaryFolder } from '../helpers/programs.js';
import { needsProgram } from '../helpers/skip.js';
import { verdict } from '../helpers/verdict.js';

const folder = temporaryFolder('reports');

/** Markup of all the formats, the ends of their quotes, terminal escapes, letters that turn text round, and no text at all. */
const hostile = [
  '<img src=http://attacker.test/1 onerror=alert(1)><script src="http://attacker.test/2"></script>',
  '"><svg/onload=alert(1)>',
  "' onmouseover='alert(1)",
  ']]><failure message="forged"/><![CDATA[',
  '"}],"results":[],"contained":true,{"',
  '\u001b]0;title\u0007\u001b[2J\u009b31m',
  '\u202egnp.exe\u2066',
  '\ud800 \udfff \ufffe \u0000 \u2028',
  '&lt;b&gt; &amp; \\u003cb\\u003e \\',
].join(' ');

/** With `text` wherever a sample decides what stands there. */
function everywhere(text: string): Verdict {
  const base = { pid: 7, atMs: 1, count: 2 };
  const tries = { calls: 3, failures: 1, errors: ['EPERM'] };
  return verdict({
    sample: { name: text, argv: [text, text], sha256: 'a'.repeat(64) },
    stdout: { text, bytes: 1, truncated: true },
    complete: false,
    omitted: 3,
    missing: { dropped: 1, lost: 0, malformed: 0 },
    programs: [{ ...base, path: text, argv: [text, text] }].map(({ count: _, ...one }) => one),
    processes: [
      { pid: 7, parent: undefined, startMs: 0, endMs: 9, exitCode: null, signal: 'SIGSEGV' },
      { pid: 8, parent: 7, startMs: 1, endMs: undefined, exitCode: null, signal: null },
      { pid: 7, parent: 8, startMs: 2, endMs: 3, exitCode: 0, signal: null },
    ],
    files: [{ path: text, uses: ['read', 'written'], ...tries }],
    dropped: [
      {
        path: text,
        change: 'created',
        kind: 'file',
        mode: 0o644,
        size: 1,
        sha256: undefined,
        bytes: 'AA==',
        truncated: false,
      },
    ],
    deleted: [text],
    sockets: [{ use: 'connect', address: { family: 'AF_UNIX', path: text, abstract: true }, ...tries }],
    names: [{ name: text, type: 'TXT', answer: [text], calls: 1, firstMs: 1 }],
    flows: [
      {
        ...{
          protocol: 'tcp',
          host: text,
          address: '2001:db8::2',
          port: 80,
          service: text,
          sentBytes: 9,
          receivedBytes: 0,
        },
        ...{ sent: Buffer.from(text).toString('base64'), startMs: 1, endMs: undefined },
      },
    ],
    syscalls: [{ name: 'openat', calls: 9, failures: 1, firstMs: 0, atLeast: true }],
    denied: [{ syscall: 'ptrace', verdict: 'deny', errno: 'EPERM', text, atMs: 1, pid: 7, calls: 2 }],
    faults: [{ ...base, signal: 'SIGSEGV', code: 1, address: '0x0', instruction: '0x401000', vector: 14 }],
    executable: [
      {
        ...base,
        syscall: 'mprotect',
        address: '0x1000',
        bytes: 4096,
        writable: true,
        anonymous: true,
        errno: undefined,
      },
    ],
    selfModification: true,
    limits: [{ limit: 'files', syscall: 'openat', errno: 'EMFILE', count: 2, firstMs: 1 }],
    timeline: [{ atMs: 1, pid: 7, kind: 'denied', text }],
    attempts: [
      { name: text, stopped: undefined },
      { name: 'stopped', stopped: 'EPERM' },
    ],
    failedControls: [text],
    reached: [text],
    contained: false,
    stoppedBy: 'gate',
    evidence: [{ layer: 'gate', kind: 'breach', text, atMs: 1 }],
  });
}

let real: Verdict;
const fine = verdict();
const formats = (format: ReportFormat, verdicts: readonly Verdict[]): Promise<string> =>
  formatReport(format, verdicts, { title: `Report ${hostile}` });

beforeAll(async () => {
  const script = `import os, socket, subprocess, urllib.request
subprocess.run(['/bin/sh', '-c', 'echo dropped > /tmp/left; exit 3'])
urllib.request.urlopen('http://report.test/').read()
try: os.chroot('/')
except OSError: pass`;
  real = await run({ script, interpreter: '/usr/bin/python3' }, { network: 'virtual', name: 'script' });
});

const schemas = new Map(
  ['report-1.json', 'verdict-1.json'].map((name) => [
    name,
    JSON.parse(readFileSync(new URL(`../../schema/${name}`, import.meta.url), 'utf8')) as Schema,
  ]),
);
function resolve(reference: string): Schema {
  const parts = schemas.get('verdict-1.json') as { $defs: Record<string, Schema> };
  const found = reference.startsWith('#/$defs/')
    ? parts.$defs[reference.slice('#/$defs/'.length)]
    : schemas.get(reference);
  if (!found) throw new Error(`no ${reference}`);
  return found;
}

describe('JSON', () => {
  it('is ASCII, loses nothing, and is as its schema says', async () => {
    const verdicts = [real, everywhere(hostile), everywhere('plain'), fine];
    const text = await formats('json', verdicts);
    expect(text).toMatch(/^[\n\x20-\x7e]*$/);
    const report = JSON.parse(text) as { verdicts: unknown };
    expect(report.verdicts).toEqual(JSON.parse(JSON.stringify(verdicts)));
    expect(schemaErrors(resolve('report-1.json'), report, resolve)).toEqual([]);
    expect(real).toMatchObject({ names: [{ name: 'report.test' }, {}] });
    expect(real.dropped).toContainEqual(expect.objectContaining({ path: '/tmp/left', size: 8 }));
  });

  it('has a schema that finds what is wrong', () => {
    const schema = resolve('verdict-1.json');
    const errors = (changes: object): string[] =>
      schemaErrors(schema, JSON.parse(JSON.stringify({ ...everywhere('x'), ...changes })), resolve);
    expect(errors({})).toEqual([]);
    expect(errors({ stoppedBy: 'luck' })).toEqual(['$.stoppedBy is "luck"']);
    expect(errors({ barchanVerdict: 2, omitted: -1 })).toHaveLength(2);
    expect(errors({ evidence: [{}] })).toHaveLength(3);
    expect(errors({ more: 1 })).toEqual(['$.more is not in the schema']);
  });
});

it('text has nothing that acts on a terminal', async () => {
  const text = await formats('text', [everywhere(hostile), real]);
  expect(text).toMatch(/^(?:\n|[^\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}])*$/u);
  expect(text).toContain('NOT CONTAINED, stopped by gate');
  expect(text).toContain('2 run, 1 not contained');
});

it('JUnit is XML with one test of each sample', async () => {
  const file = join(folder, 'junit.xml');
  writeFileSync(
    file,
    await formats('junit', [everywhere(hostile), fine, verdict({ contained: undefined }), real]),
  );
  const read = `
import json, sys, xml.etree.ElementTree as e
root = e.parse(sys.argv[1]).getroot()
print(json.dumps([root.tag, root.attrib['tests'], root.attrib['failures'], root.attrib['skipped'],
  [[c.attrib['name'], [k.tag for k in c], c[0].attrib.get('message')] for c in root.iter('testcase')]]))`;
  const [tag, tests, failures, skipped, cases] = JSON.parse(
    execFileSync('/usr/bin/python3', ['-c', read, file], { encoding: 'utf8' }),
  ) as [string, string, string, string, [string, string[], string | null][]];
  expect([tag, tests, failures, skipped]).toEqual(['testsuites', '4', '1', '1']);
  expect(cases.map(([, children]) => children)).toEqual([
    ['failure', 'system-out'],
    ['system-out'],
    ['skipped', 'system-out'],
    ['system-out'],
  ]);
  expect(cases[0]?.[0]).toContain(']]><failure message="forged"/><![CDATA[');
  expect(cases[0]?.[2]).toMatch(/^attempt .* worked$/);
});

describe('SARIF', () => {
  it('has the properties that 2.1.0 requires', async () => {
    const attack = attacks()[0];
    const named = verdict({
      sample: { name: attack?.name ?? '', argv: [], sha256: undefined },
      attempts: [{ name: 'one', stopped: undefined }],
      contained: false,
    });
    const text = await formats('sarif', [everywhere(hostile), named, real]);
    expect(text).toMatch(/^[\n\x20-\x7e]*$/);
    const log = JSON.parse(text);
    expect(log).toMatchObject({ version: '2.1.0', $schema: expect.stringContaining('sarif-2.1.0') });
    const [one, ...others] = log.runs;
    expect(others).toEqual([]);
    expect(one.tool.driver.name).toBe('barchan');
    const { rules } = one.tool.driver as { rules: { id: string; shortDescription: { text: string } }[] };
    expect(new Set(rules.map(({ id }) => id)).size).toBe(rules.length);
    expect(rules.map(({ id }) => id)).toEqual(
      expect.arrayContaining([
        ...['attempt-worked', 'outside-reached', 'layer-broken', 'denied-call', 'fault', 'limit-met'],
        ...['writable-code', 'self-modification', `${attack?.technique}/${attack?.weakness}`],
      ]),
    );
    for (const result of one.results) {
      expect(rules[result.ruleIndex]?.id).toBe(result.ruleId);
      expect(['error', 'warning', 'note']).toContain(result.level);
      expect(result.message.text).toMatch(/^[^\p{Cc}\p{Cf}\p{Cs}]+$/u);
      const { uri } = result.locations[0].physicalLocation.artifactLocation;
      expect(uri).toMatch(/^(?:[A-Za-z0-9\-_.!~*'()]|%[0-9A-F]{2})+$/);
      expect(result.occurrenceCount ?? 1).toBeGreaterThanOrEqual(1);
    }
    expect(one.invocations).toEqual([{ executionSuccessful: false }]);
  });

  it('is bounded', async () => {
    const denied = Array.from({ length: 10_000 }, (_, i) => ({
      ...(everywhere('x').denied[0] as Verdict['denied'][0]),
      text: `${i}`,
    }));
    const log = JSON.parse(await formats('sarif', Array(3).fill(verdict({ denied }))));
    expect(log.runs[0].results).toHaveLength(25_000);
    expect(log.runs[0].invocations[0].toolExecutionNotifications[0].message.text).toContain('5000 results');
  });
});

/** Tags and attributes of a page that is the browser's own again. */
function markup(dom: string): { tags: string[]; attributes: string[] } {
  const opened = [...dom.matchAll(/<([a-z0-9]+)((?:\s+[a-z:-]+="[^"]*")*)\s*\/?>/gi)];
  const attributes = opened.flatMap(([, , list]) =>
    [...(list ?? '').matchAll(/([a-z:-]+)="/gi)].map((m) => m[1] as string),
  );
  return { tags: [...new Set(opened.map((m) => m[1] as string))], attributes: [...new Set(attributes)] };
}
const ourTags = [
  'html',
  'head',
  'meta',
  'title',
  'style',
  'body',
  'section',
  'h1',
  'h2',
  'p',
  'span',
  'div',
  'code',
  'b',
  'i',
  'a',
];
const ourSvg = ['svg', 'line', 'text', 'rect', 'details', 'summary', 'table', 'tbody', 'tr', 'td'];
const harmless =
  /^(?:lang|charset|http-equiv|content|name|id|class|style|href|open|viewbox|width|height|role|aria-label|x|y|x1|x2|y1|y2|rx|stroke|text-anchor)$/i;

describe('the page', () => {
  it.for([
    ['of runs', () => formats('html', [everywhere(hostile), real, everywhere('plain')])],
    [
      'of an audit',
      () =>
        auditHtml({
          ...{ barchanAudit: auditVersion, command: [hostile] },
          ...everywhere(hostile),
        } as unknown as AuditReport),
    ],
  ] as const)(
    '%s is text to a browser, which asks for nothing and complains of nothing',
    async ([name, make], context) => {
      needsProgram(context, 'chromium', 'chromium');
      const file = join(folder, `${name}.html`);
      writeFileSync(file, await make());
      const seen = browse(file);
      expect(seen.console).toEqual([]);
      expect(seen.requests).toEqual([]);
      const { tags, attributes } = markup(seen.dom);
      expect(tags.filter((tag) => !ourTags.includes(tag) && !ourSvg.includes(tag))).toEqual([]);
      expect(attributes.filter((attribute) => !harmless.test(attribute))).toEqual([]);
      expect(seen.dom).toContain('&lt;img src=http://attacker.test/1 onerror=alert(1)&gt;');
      expect(seen.dom).toContain('\\u{202e}gnp.exe\\u{2066}');
      expect(seen.dom).toMatch(/^(?:[\n\t]|[^\p{Cc}\p{Cf}\p{Cs}])*$/u);
      expect(seen.dom).toContain('aria-label="What happened when"');
      if (name === 'of runs') {
        expect(seen.dom).toContain('report.test');
        expect(seen.dom).toMatch(/href="#run-2"[\s\S]*id="run-2"/);
        expect(seen.dom).toContain('NOT CONTAINED, stopped by gate');
        // The tree: a child stands further in than its parent.
        expect(seen.dom).toMatch(/padding-left:0em">[\s\S]*padding-left:1em">/);
      }
    },
  );

  it('stays small whatever was seen', async () => {
    const many = <Entry>(list: Entry[]): Entry[] => Array<Entry>(20_000).fill(list[0] as Entry);
    const one = everywhere(hostile.repeat(8));
    const big = verdict({
      ...one,
      ...{ files: many(one.files), denied: many(one.denied), timeline: many(one.timeline) },
      ...{ programs: many(one.programs), evidence: many(one.evidence), names: many(one.names) },
      processes: Array.from({ length: 20_000 }, (_, i) => ({
        ...(one.processes[0] as Verdict['processes'][0]),
        ...{ pid: i + 1, parent: i === 0 ? undefined : i },
      })),
    });
    const html = await formats('html', [big, ...Array<Verdict>(500).fill(one)]);
    expect(html.length).toBeLessThan(8 * 1024 * 1024);
    expect(html).toMatch(/\d+ more are not shown/);
    expect((await formats('text', [big])).length).toBeLessThan(8 * 1024 * 1024);
    expect((await formats('junit', [big])).length).toBeLessThan(8 * 1024 * 1024);
  });
});
