/** CPython's regression tests (Debian: libpython3.11-testsuite), natively and under Barchan. */
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { isolated, native } from './differential.js';

export const python3 = '/usr/bin/python3.11';
export const testSuite = '/usr/lib/python3.11/test/test_os.py';

type Verdict = 'ok' | 'failure' | 'error' | 'skipped';

/** The verdict on each test in a JUnit file of `python -m test`. */
function verdicts(file: string): Record<string, Verdict> {
  const found: Record<string, Verdict> = {};
  for (const [, name, rest] of readFileSync(file, 'utf8').matchAll(
    /<testcase name="([^"]*)"([\s\S]*?)(?=<testcase |<\/testsuite>)/g,
  )) {
    const bad = /<(failure|error|skipped)\b/.exec(rest as string);
    found[name as string] = (bad?.[1] as Verdict | undefined) ?? 'ok';
  }
  return found;
}

/**
 * Runs the module `name` of the test suite both ways, less the tests whose names match `ignored`. The native run
 * must succeed; every single test must then end under Barchan as it did natively.
 */
export async function expectSameVerdicts(
  name: string,
  folder: string,
  options: { ignored?: string[] | undefined; timeoutMs: number },
): Promise<void> {
  const run = async (how: typeof native, label: string): Promise<Record<string, Verdict>> => {
    const cwd = join(folder, `${name}-${label}`);
    mkdirSync(cwd);
    const report = join(cwd, 'report.xml');
    const ignore = (options.ignored ?? []).flatMap((pattern) => ['-i', pattern]);
    const argv = [python3, '-m', 'test', '-v', '--tempdir', cwd, '--junit-xml', report, ...ignore, name];
    const outcome = await how(argv, { cwd, timeoutMs: options.timeoutMs });
    expect(outcome, `${label}: ${outcome.stdout.slice(-3000)}${outcome.stderr.slice(-1000)}`).toMatchObject({
      exitCode: 0,
      signal: null,
    });
    return verdicts(report);
  };
  const there = await run(native, 'native');
  const here = await run(isolated, 'barchan');
  expect(Object.values(there)).toContain('ok');
  expect(here).toEqual(there);
}
