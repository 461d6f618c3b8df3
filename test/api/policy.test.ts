/** What `barchan policy show` says, and the promises about it. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { Policy, Sandbox } from '../../lib/index.js';
import { reachableHostCalls } from '../../lib/policy-reach.js';
import { isolated } from '../helpers/differential.js';

const cli = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'barchan-policy-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function barchan(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [cli, ...args], (error, stdout, stderr) =>
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, stdout, stderr }),
    );
  });
}

describe('calls of the host kernel that guest behaviour can cause', () => {
  it('are at most 120 under default and 25 under strict', async () => {
    expect((await reachableHostCalls('default')).length).toBeLessThanOrEqual(120);
    expect((await reachableHostCalls('strict')).length).toBeLessThanOrEqual(25);
  });

  it('are never those that no guest needs', async () => {
    const calls = await reachableHostCalls('compat');
    for (const name of ['ptrace', 'mount', 'setns', 'bpf', 'keyctl', 'io_uring_setup', 'clone3', 'seccomp']) {
      expect(calls).not.toContain(name);
    }
  });

  it('are fewer with every call that is denied', async () => {
    const before = await reachableHostCalls('compat');
    const after = await reachableHostCalls(Policy.compat().deny('socket', 'socketpair', 'connect'));
    expect(before.filter((name) => !after.includes(name))).toEqual(['socket', 'connect', 'socketpair']);
  });
});

describe('barchan policy show', () => {
  it('prints counts, and JSON with --json', async () => {
    const { stdout } = await barchan('policy', 'show', 'strict');
    expect(stdout).toMatch(/^Calls that a guest may make .*: \d+\n/);
    expect(stdout).toMatch(/\nCalls of the host kernel that this can cause: 2\d\n/);
    const json = JSON.parse((await barchan('policy', 'show', 'strict', '--json')).stdout);
    expect(json.policy).toEqual({ profile: 'strict' });
    expect(json.hostCalls).toEqual(await reachableHostCalls('strict'));
    expect(json.guestCalls).toContain('mmap');
    expect(json.guestCalls).not.toContain('open');
  });

  it('takes a file, and says what is wrong with one', async () => {
    const file = join(folder, 'policy.json');
    writeFileSync(file, JSON.stringify({ profile: 'strict', rules: [{ calls: ['dup'], action: 'allow' }] }));
    expect(JSON.parse((await barchan('policy', 'show', file, '--json')).stdout).guestCalls).toContain('dup');
    expect((await isolated(['/bin/true'], { flags: ['--policy', file] })).exitCode).not.toBe(125);
    for (const [text, message] of [
      ['{', 'JSON'],
      ['{"profile":"lax"}', 'policy.profile'],
    ] as const) {
      writeFileSync(file, text);
      const { code, stderr } = await barchan('run', '--policy', file, '--', 'true');
      expect(code).toBe(2);
      expect(stderr).toContain(message);
    }
    const { code, stderr } = await barchan('policy', 'show', join(folder, 'none'));
    expect({ code, says: stderr.includes('ENOENT') }).toEqual({ code: 2, says: true });
  });

  it('refuses what it does not know', async () => {
    for (const args of [['learn'], ['show', '--all'], ['show', 'compat', 'strict']]) {
      expect((await barchan('policy', ...args)).code).toBe(2);
    }
  });
});

describe('options.policy', () => {
  it('is checked before anything is opened', async () => {
    const create = Sandbox.create({ kvmDevice: '/nonexistent', policy: 'lax' as 'compat' });
    await expect(create).rejects.toMatchObject({
      code: 'ERR_INVALID_OPTION',
      path: 'options.policy.profile',
      value: 'lax',
    });
  });
});
