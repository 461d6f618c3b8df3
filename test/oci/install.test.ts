// barchan install and uninstall: what they write, that they do it once, and that they take it back.
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { engineFiles, engineNames } from '../../lib/oci/engine-files.js';
import { needsProgram } from '../helpers/skip.js';

const cli = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const roots: string[] = [];
afterAll(() => {
  for (const root of roots) rmSync(root, { recursive: true });
});

function machine(files: Record<string, string> = {}) {
  const root = mkdtempSync(join(tmpdir(), 'barchan-install-'));
  roots.push(root);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  const run = (...args: string[]) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [cli, ...args, '--root', root], {
      encoding: 'utf8',
    });
    return { status, stdout, stderr };
  };
  const all = () =>
    readdirSync(root, { recursive: true, encoding: 'utf8', withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(root.length))
      .sort();
  return { root, run, all, read: (path: string) => readFileSync(join(root, path), 'utf8') };
}

describe.each(engineNames)('%s', (engine) => {
  it('is told, once, and forgets', () => {
    const { run, all, read } = machine();
    expect(run('install', engine, '--dry-run').stdout).toContain(`would write`);
    expect(all()).toEqual([]);
    expect(run('install', engine)).toMatchObject({ status: 0, stderr: '' });
    expect(read(engineFiles[engine].path)).toContain('/barchan-runtime"');
    expect(all()).toHaveLength(4);
    expect(run('install', engine).stdout).toBe('nothing to change\n');
    expect(run('uninstall', engine).status).toBe(0);
    expect(all()).toEqual([]);
    expect(run('uninstall', engine).stdout).toBe('nothing to change\n');
  });
});

it("leaves the rest of docker's settings alone", () => {
  const settings = { 'log-driver': 'json-file', runtimes: { other: { path: '/other' } } };
  const { run, read } = machine({ '/etc/docker/daemon.json': JSON.stringify(settings) });
  run('install', 'docker');
  expect(JSON.parse(read('/etc/docker/daemon.json'))).toMatchObject(settings);
  run('uninstall', 'docker');
  expect(JSON.parse(read('/etc/docker/daemon.json'))).toEqual(settings);
});

it("leaves the rest of containerd's settings alone, and knows their versions", () => {
  for (const [version, plugin] of [
    ['2', 'io.containerd.grpc.v1.cri'],
    ['3', 'io.containerd.cri.v1.runtime'],
  ]) {
    const settings = `version = ${version}\nroot = "/x"\n`;
    const { run, read } = machine({ '/etc/containerd/config.toml': settings });
    run('install', 'containerd');
    expect(read('/etc/containerd/config.toml')).toContain(
      `[plugins."${plugin}".containerd.runtimes.barchan]`,
    );
    run('uninstall', 'containerd');
    expect(read('/etc/containerd/config.toml')).toBe(settings);
  }
});

it('refuses what it cannot read', () => {
  const { run, read } = machine({
    '/etc/docker/daemon.json': '{ broken',
    '/etc/containerd/config.toml': 'root = "/x"\n',
  });
  expect(run('install', 'docker')).toMatchObject({
    status: 125,
    stderr: expect.stringContaining('cannot change'),
  });
  expect(read('/etc/docker/daemon.json')).toBe('{ broken');
  expect(run('install', 'containerd').stderr).toContain('its version is 1');
  expect(run('install', 'no-such-engine')).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('an engine is needed'),
  });
});

it('keeps the policies as long as an engine needs them', () => {
  const { run, root } = machine();
  run('install', 'docker');
  run('install', 'podman');
  run('uninstall', 'docker');
  expect(existsSync(join(root, '/etc/barchan/policies/strict.policy'))).toBe(true);
  run('uninstall', 'podman');
  expect(existsSync(join(root, '/etc/barchan/policies/strict.policy'))).toBe(false);
});

it('copies the programs for an installer', () => {
  const { run, root, read } = machine();
  expect(run('install', 'cri-o', '--to', '/opt/barchan').status).toBe(0);
  expect(read('/etc/crio/crio.conf.d/50-barchan.conf')).toContain('"/opt/barchan/barchan-runtime"');
  const { stdout } = spawnSync(join(root, 'opt/barchan/barchan-runtime'), ['--version'], {
    encoding: 'utf8',
  });
  expect(stdout).toContain('barchan-runtime version');
  expect(existsSync(join(root, 'opt/barchan/barchan-monitor'))).toBe(true);
});

it.each<[keyof typeof engineFiles, string]>([
  ['docker', 'docker/daemon.json'],
  ['podman', 'podman/50-barchan.conf'],
  ['containerd', 'containerd/config.toml'],
  ['cri-o', 'cri-o/50-barchan.conf'],
])('writes for %s what deploy/%s shows', (engine, file) => {
  const shown = readFileSync(new URL(`../../deploy/${file}`, import.meta.url), 'utf8');
  const written = engineFiles[engine].add(undefined, '/opt/barchan/barchan-runtime');
  const settings = (text: string) => text.split('\n').flatMap((line) => line.replace(/#.*/, '').trim() || []);
  if (engine === 'docker') expect(JSON.parse(shown)).toEqual(JSON.parse(written));
  else expect(settings(shown)).toEqual(settings(written));
});

it('has containerd take the settings of deploy/containerd', (context) => {
  needsProgram(context, 'containerd', 'containerd');
  const file = fileURLToPath(new URL('../../deploy/containerd/config.toml', import.meta.url));
  const { stdout } = spawnSync('containerd', ['--config', file, 'config', 'dump'], { encoding: 'utf8' });
  expect(stdout).toContain('containerd.runtimes.barchan]');
  expect(stdout).toContain('BinaryName = "/opt/barchan/barchan-runtime"');
});
