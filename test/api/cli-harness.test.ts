/** Reports that `barchan harness run` writes of what it ran. */
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Schema, schemaErrors } from '../helpers/json-schema.js';
import { temporaryFolder } from '../helpers/programs.js';

const cli = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const folder = temporaryFolder('cli-harness');
const file = (name: string): string => join(folder, name);
const read = (name: string): string => readFileSync(file(name), 'utf8');

interface Ended {
  status: unknown;
  stdout: string;
  stderr: string;
}

function harnessRun(...args: string[]): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(process.execPath, [cli, 'harness', 'run', ...args], (error, stdout, stderr) =>
      resolve({ status: error?.code ?? 0, stdout, stderr }),
    );
  });
}

describe('barchan harness run --report', () => {
  let ended: Ended;

  beforeAll(async () => {
    const reports = ['junit', 'sarif', 'html', 'json', 'text'].flatMap((format) => [
      '--report',
      `${format}=${file(format)}`,
    ]);
    ended = await harnessRun('cve/trace_me', '--against', 'native', '--against', 'barchan', ...reports);
  });

  it('prints its table beside', () => {
    expect(ended).toMatchObject({ status: 0, stderr: '' });
    expect(ended.stdout).toMatch(/^attack +native +barchan:default\ncve\/trace_me +1 of 1 worked +policy\n/);
    expect(readdirSync(folder).sort()).toEqual(['html', 'json', 'junit', 'sarif', 'text']);
  });

  it('JSON has the verdicts, as its schema says', () => {
    const report = JSON.parse(read('json'));
    const [whole, one] = ['report-1.json', 'verdict-1.json'].map(
      (name) => JSON.parse(readFileSync(new URL(`../../schema/${name}`, import.meta.url), 'utf8')) as Schema,
    ) as [Schema, Schema & { $defs: Record<string, Schema> }];
    const resolve = (reference: string): Schema =>
      one.$defs[reference.replace('#/$defs/', '')] ?? (reference === 'verdict-1.json' ? one : whole);
    expect(schemaErrors(whole, report, resolve)).toEqual([]);
    expect(report.verdicts).toMatchObject([
      { isolation: 'native', sample: { name: 'cve/trace_me' }, attempts: [{}] },
      {
        isolation: 'barchan:default',
        contained: true,
        stoppedBy: 'policy',
        attempts: [{ stopped: expect.any(String) }],
      },
    ]);
  });

  it('JUnit passes over what was not isolated, and has the evidence of what was', () => {
    const [head = '', ...cases] = read('junit').split('<testcase ');
    expect(head).toMatch(/<testsuites tests="2" failures="0" errors="0" skipped="1"/);
    expect(cases[0]).toMatch(/^classname="native" name="cve\/trace_me"[\s\S]*<skipped /);
    expect(cases[1]).toMatch(/^classname="barchan:default" name="cve\/trace_me"/);
    expect(cases[1]).not.toMatch(/<skipped|<failure/);
    expect(cases[1]).toContain('the policy refused ptrace');
  });

  it('SARIF and the page are of the same run', () => {
    const [run] = JSON.parse(read('sarif')).runs;
    expect(run).toMatchObject({
      tool: { driver: { name: 'barchan' } },
      invocations: [{ executionSuccessful: true }],
    });
    expect(run.results).toContainEqual(
      expect.objectContaining({ level: 'error', message: { text: expect.stringMatching(/worked/) } }),
    );
    const of = run.results.map(
      (result: { locations: { physicalLocation: { artifactLocation: { uri: string } } }[] }) =>
        decodeURIComponent(result.locations[0]?.physicalLocation.artifactLocation.uri ?? ''),
    );
    expect(new Set(of)).toEqual(new Set(['cve/trace_me']));
    expect(read('html')).toMatch(/^<!doctype html>[\s\S]*cve\/trace_me[\s\S]*the policy refused ptrace/i);
    expect(read('text')).toContain('the policy refused ptrace');
  });
});

it('a report of no known form, or without a file, runs nothing', async () => {
  for (const report of ['pdf=x', 'junit', 'junit='])
    expect(await harnessRun('cve/trace_me', '--report', report)).toMatchObject({
      status: 2,
      stdout: '',
      stderr: expect.stringContaining(`--report cannot be "${report}"`),
    });
});
