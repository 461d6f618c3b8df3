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
      mkdirSync(join(project, 'node_modules/@types'), { recursive: true });
      for (const name of ['@types/node', 'undici-types']) {
        rmSync(join(project, 'node_modules', name), { force: true });
        symlinkSync(join(root, 'node_modules', name), join(project, 'node_modules', name));
      }
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
      expect(await inProject(process.execPath, tsc, ...options, ...target, 'c.mts')).toBe('');
    },
    120_000,
  );
});
