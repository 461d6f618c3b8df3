/** What npm publishes, in a project that installs it: it runs from JavaScript and the command line, and its types resolve. */
import { execFile, execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../../', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'barchan-package-'));
const project = join(folder, 'project');
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function npm(args: string[], cwd: string): string {
  return execFileSync('npm', [...args, '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd,
    encoding: 'utf8',
  });
}

/** Shows a package of this checkout to the project. */
function link(name: string): void {
  mkdirSync(join(project, 'node_modules/@types'), { recursive: true });
  rmSync(join(project, 'node_modules', name), { force: true });
  symlinkSync(join(root, 'node_modules', name), join(project, 'node_modules', name));
}

const inProject = async (command: string, ...args: string[]): Promise<string> =>
  (await run(command, args, { cwd: project, encoding: 'utf8' })).stdout;

beforeAll(() => {
  // What `npm pack` does by its scripts, without a second build beside the tests that use the first.
  execFileSync(process.execPath, [join(root, 'scripts/prebuild.mjs')]);
  npm(['pack', '--ignore-scripts', '--pack-destination', folder], root);
  const archive = readdirSync(folder).find((name) => name.endsWith('.tgz')) as string;
  mkdirSync(project);
  writeFileSync(join(project, 'package.json'), '{ "name": "project", "private": true }');
  npm(['install', '--prefer-offline', join(folder, archive)], project);
}, 300_000);

describe('the package', () => {
  it('holds the programs and no sources of tests', () => {
    const here = join(project, 'node_modules/barchan');
    const programs = ['barchan-monitor', 'barchan-supervisor', 'barchan.napi.node'];
    expect(readdirSync(join(here, 'prebuilds/linux-x64'))).toEqual(expect.arrayContaining(programs));
    expect(readdirSync(here).sort()).not.toContain('test');
    expect(readdirSync(join(here, 'dist'))).toContain('index.d.ts');
  });

  it('is imported by an ES module', async () => {
    writeFileSync(
      join(project, 'a.mjs'),
      `import { run } from 'barchan';
const { stdout, exitCode } = await run(['sh', '-c', 'echo $((6 * 7)); exit 3']);
console.log(stdout.trim(), exitCode);
`,
    );
    expect(await inProject(process.execPath, 'a.mjs')).toBe('42 3\n');
  });

  it('is required by a CommonJS module', async () => {
    writeFileSync(
      join(project, 'b.cjs'),
      `const { run } = require('barchan');
run(['echo', 'hello']).then(({ stdout }) => process.stdout.write(stdout));
`,
    );
    const { stdout } = await run(process.execPath, ['b.cjs'], {
      cwd: project,
      encoding: 'utf8',
      env: { ...process.env, DEBUG: 'barchan:*' },
    });
    expect(stdout).toBe('hello\n');
  });

  it('has the harness and the corpus, for ES modules and CommonJS, without Vitest', async () => {
    const use = `harness.run('/bin/sh', { args: ['-c', 'echo hello > /tmp/made'] }).then(async (verdict) => {
  const attack = await harness.run({ attack: 'cve/trace_me' });
  console.log(verdict.dropped[0].path, verdict.contained, attack.contained, attack.attempts.length, harness.attacks().length > 120);
});
`;
    writeFileSync(join(project, 'd.mjs'), `import * as harness from 'barchan/harness';\n${use}`);
    writeFileSync(join(project, 'd.cjs'), `const harness = require('barchan/harness');\n${use}`);
    expect(readdirSync(join(project, 'node_modules'))).not.toContain('vitest');
    const said = await Promise.all(['d.mjs', 'd.cjs'].map((file) => inProject(process.execPath, file)));
    expect(said).toEqual(Array(2).fill('/tmp/made true true 1 true\n'));
  });

  it('has schemas of what the harness writes', async () => {
    const names = readdirSync(join(project, 'node_modules/barchan/schema'));
    expect(names).toEqual(expect.arrayContaining(['report-1.json', 'verdict-1.json']));
    writeFileSync(
      join(project, 'e.cjs'),
      `for (const name of ${JSON.stringify(names)}) console.log(typeof require('barchan/schema/' + name).$id);`,
    );
    expect(await inProject(process.execPath, 'e.cjs')).toBe('string\n'.repeat(names.length));
  });

  it('has matchers for Vitest', async () => {
    link('vitest');
    writeFileSync(
      join(project, 'f.test.mjs'),
      `import * as harness from 'barchan/harness';
import 'barchan/harness/vitest';
import { expect, it } from 'vitest';
it('is contained', async () => {
  const verdict = await harness.run('/bin/true');
  expect(verdict).toBeContained();
  expect(verdict).toMakeNoNetworkAttempt();
  expect(() => expect(verdict).toBeStoppedBy('ept')).toThrow(/stopped/);
});
`,
    );
    const vitest = join(root, 'node_modules/vitest/vitest.mjs');
    const said = await inProject(process.execPath, vitest, 'run', '--reporter=json', '--root', project);
    expect(JSON.parse(said)).toMatchObject({ success: true, numPassedTests: 1 });
  });

  it('has the debugger', async () => {
    writeFileSync(
      join(project, 'h.mjs'),
      `import { Sandbox } from 'barchan';
import { Vm } from 'barchan/vm';
const box = await Sandbox.create();
const vm = await Vm.spawn(box, ['/bin/echo', 'hello']);
await vm.catchSyscalls({ entry: ['write'] });
const stop = await vm.resume();
const text = await vm.read(stop.args[1], Number(stop.args[2]));
const end = await vm.resume();
console.log(stop.reason, stop.name, text.toString().trim(), end.reason, end.exit.exitCode);
await box.close();
`,
    );
    expect(await inProject(process.execPath, 'h.mjs')).toBe('syscallEntry write hello exit 0\n');
  });

  it('has its command', async () => {
    expect(await inProject('npx', 'barchan', 'run', '--', 'echo', 'hello')).toBe('hello\n');
    const report = JSON.parse(await inProject('npx', 'barchan', 'doctor', '--json'));
    expect(report).toMatchObject({ ok: true });
    expect(report.checks.find((check: { name: string }) => check.name === 'native').found).toContain(project);
  });

  it.each([
    ['NodeNext', 'NodeNext'],
    ['ESNext', 'Bundler'],
  ])(
    'has types, for module %s with resolution %s',
    async (module, resolution) => {
      for (const name of ['@types/node', 'undici-types', 'vitest']) link(name);
      writeFileSync(
        join(project, 'c.mts'),
        `import { type ExecResult, type GuestProcess, run, Sandbox, SandboxError } from 'barchan';
const text: ExecResult = await run(['true'], { timeoutMs: 5 });
const bytes: ExecResult<Buffer> = await run(['true'], { encoding: 'buffer' });
const box = await Sandbox.create();
const guest: GuestProcess = await box.spawn(['sh'], { stdio: ['pipe', 1, 'ignore', 5] });
guest.on('exit', ({ exitCode }) => console.log(exitCode?.toFixed()));
await guest.exited.catch((error: unknown) => {
  if (error instanceof SandboxError && error.code === 'ERR_ABORTED') console.log(error.errno?.toFixed());
});
// @ts-expect-error: there is no such option
await run(['true'], { timeout: 5 });
console.log(text.stdout.trim(), bytes.stdout.readUInt8(0));
`,
      );
      writeFileSync(
        join(project, 'g.mts'),
        `import * as harness from 'barchan/harness';
import 'barchan/harness/vitest';
import { Sandbox } from 'barchan';
import { Vm, type VmStop } from 'barchan/vm';
import { expect } from 'vitest';
const verdict: harness.Verdict = await harness.run({ attack: 'cve/trace_me' }, { network: 'virtual' });
const layer: harness.Layer | undefined = verdict.stoppedBy;
expect(verdict).toBeStoppedBy('gate');
expect(verdict).toOnlyTouch(['/tmp/**'], { reads: '/usr/**' });
// @ts-expect-error: there is no such layer
expect(verdict).toBeStoppedBy('luck');
// @ts-expect-error: there is no such sample
await harness.run({ program: '/bin/true' });
const html: string = await harness.formatReport('html', [verdict]);
const vm = await Vm.spawn(await Sandbox.create(), ['/bin/true']);
const stop: VmStop = await vm.resume();
if (stop.reason === 'syscallEntry') console.log(stop.name, stop.args[0]?.toString(16));
// @ts-expect-error: of an end there is no name
if (stop.reason === 'exit') console.log(stop.name);
console.log(layer, html.length);
`,
      );
      const options = ['--strict', '--noEmit', '--exactOptionalPropertyTypes', '--skipLibCheck', 'false'];
      const target = [
        '--target',
        'ES2023',
        '--types',
        'node',
        '--module',
        module,
        '--moduleResolution',
        resolution,
      ];
      const tsc = join(root, 'node_modules/typescript/bin/tsc');
      expect(await inProject(process.execPath, tsc, ...options, ...target, 'c.mts', 'g.mts')).toBe('');
    },
    120_000,
  );
});
