/** What a hostile sample does to the harness that looks on: it cannot forge its verdict, flood it, or reach through it. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FileTracker } from '../../lib/audit-files.js';
import type { ForkEvent, SyscallEvent } from '../../lib/event-types.js';
import * as harness from '../../lib/harness/index.js';
import { onlyTouched, stoppedBy } from '../../lib/harness/matchers.js';
import { Observer } from '../../lib/harness/observer.js';
import type { Sandbox } from '../../lib/index.js';
import { asciiJson } from '../../lib/printable.js';

const python = (script: string, options: harness.HarnessOptions = {}): Promise<harness.Verdict> =>
  harness.run({ script, interpreter: ['/usr/bin/python3', '-S'] }, options);
// biome-ignore lint/suspicious/noControlCharactersInRegex: that there are none.
const acts = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069]/;

describe('forging', () => {
  it('what a sample prints is output and nothing else', async () => {
    const verdict = await harness.run({
      script: `echo 'stopped escape EPERM'; echo 'done escape'; echo 'control x EPERM'; echo maps?; echo descriptors?
echo '{"barchanVerdict":1,"contained":false,"stoppedBy":"ept"}' | tee /dev/stderr > /dev/null 2>&1
echo '{"code":"ERR_MONITOR_BREACH"}' >&2; echo '{"died":31}' >&2
read answer; echo "answered: $answer"; exit 125`,
    });
    expect(verdict).toMatchObject({
      attempts: [],
      failedControls: [],
      contained: true,
      exit: { exitCode: 125 },
    });
    expect(verdict.stoppedBy === undefined || verdict.stoppedBy === 'policy').toBe(true);
    expect(verdict.evidence.filter(({ kind }) => kind !== 'denied' && kind !== 'errno')).toEqual([]);
    expect(verdict.stdout.text).toContain('done escape\n');
    expect(verdict.stdout.text).toContain('answered: \n');
  });

  it('a sample that is named like an attack is none', async () => {
    const verdict = await harness.run(
      { command: ['sh', '-c', 'echo done everything'] },
      { name: 'policy/strict_calls' },
    );
    expect(verdict).toMatchObject({ sample: { name: 'policy/strict_calls' }, attempts: [], contained: true });
  });
});

describe('names', () => {
  it('with escapes, markup, quotes, line ends and bytes that are no text stay what they are', async () => {
    const verdict = await python(
      `
import os
names = [b'\\x1b[2J\\x1b]0;owned\\x07', b'<script>alert(1)</script>', b'"},{"contained":true', b'line\\nstopped ept',
         b'\\xff\\xfe\\x80', '\\u202egnp.exe'.encode(), b'\${x}', b"'", b'a' * 255]
os.chdir('/tmp')
for name in names:
  name = name.replace(b'/', b'|')
  open(name, 'wb').write(name)
  os.symlink(name, name[:200] + b'.link')
  try: os.execv(b'/nowhere/' + name, [name, name])
  except OSError: pass
os.mkdir(b'\\x1b[31m'); open(b'\\x1b[31m/in', 'w')
for name in names[:3]:
  if os.fork() == 0: os.execv('/bin/true', [name, b'\\x1b[H'])
  os.wait()
print('\\x1b[2J')`,
      { name: 'sample \u001b[31m\u202e' },
    );
    expect(verdict).toMatchObject({ exit: { exitCode: 0 }, stderr: { text: '' }, complete: true });
    expect(verdict.dropped).toHaveLength(19);
    const paths = verdict.dropped.map(({ path }) => path);
    for (const name of [
      '\u001b[2J\u001b]0;owned\u0007',
      '"},{"contained":true',
      'line\nstopped ept',
      '\u202egnp.exe',
    ])
      expect(paths).toContain(`/tmp/${name}`);
    const escaped = verdict.dropped.find(
      ({ path }) => path.startsWith('/tmp/\ufffd') && !path.endsWith('.link'),
    );
    expect(Buffer.from(escaped?.bytes ?? '', 'base64')).toEqual(Buffer.from([0xff, 0xfe, 0x80]));
    expect(JSON.parse(JSON.stringify(verdict))).toMatchObject({ contained: true, dropped: verdict.dropped });
    expect(asciiJson(verdict)).not.toMatch(/[^\n\x20-\x7e]/);
    for (const { message } of [onlyTouched(verdict, '/nothing'), stoppedBy(verdict, 'ept')]) {
      expect(message()).toContain('sample \\u{1b}[31m\\u{202e}');
      expect(message()).not.toMatch(acts);
    }
    expect(onlyTouched(verdict, '/nothing').message().split('\n').length).toBeLessThan(26);
    expect(asciiJson(harness.behaviour(verdict))).not.toMatch(/[^\n\x20-\x7e]/);
  });

  it('of files that wait, never end or cannot be read do not hold it up', async () => {
    const verdict = await python(`
import os, socket
os.chdir('/tmp')
os.mkfifo('fifo'); socket.socket(socket.AF_UNIX).bind('socket')
os.symlink('/etc/shadow', 'shadow'); os.symlink('loop', 'loop'); os.symlink('/proc/self/mem', 'memory')
os.truncate(os.open('sparse', os.O_CREAT | os.O_WRONLY), 1 << 42)
os.mkdir('closed'); open('closed/in', 'w').write('x'); os.chmod('closed', 0); 
open('unreadable', 'w').write('secret'); os.chmod('unreadable', 0)
for i in range(200): os.mkdir('deep' * 10); os.chdir('deep' * 10)
open('bottom', 'w').write('x')`);
    expect(verdict.exit.exitCode, verdict.stderr.text).toBe(0);
    const dropped = new Map(verdict.dropped.map((file) => [file.path, file]));
    expect(dropped.get('/tmp/shadow')).toMatchObject({
      kind: 'symlink',
      bytes: Buffer.from('/etc/shadow').toString('base64'),
    });
    expect(dropped.get('/tmp/sparse')).toMatchObject({ size: 2 ** 42, sha256: undefined, truncated: true });
    expect([...dropped.keys()]).not.toContain('/tmp/fifo');
    // Below 4095 bytes of path; what is deeper is counted.
    expect(verdict.omitted).toBeGreaterThan(0);
    expect(verdict.complete).toBe(false);
  });
});

/** Four threads whose calls all have new arguments: files, addresses, code, refusals, numbers of no call. */
const flood = `
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
static atomic_long made;
static long now(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec; }
static void *work(void *arg) {
  long begin = now();
  for (long i = (long)arg << 40; now() < begin + 20 || made < 50000; i++) {
    char path[64];
    snprintf(path, sizeof path, "/tmp/%lx", i);
    close(open(path, O_RDWR));
    access(path, F_OK);
    readlink(path, path + 32, 8);
    struct sockaddr_in to = {AF_INET, htons(i), {htonl(i)}};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    connect(fd, (void *)&to, sizeof to);
    close(fd);
    mount("x", path, "tmpfs", 0, 0);
    void *code = mmap(0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(code, 4096);
    syscall(1000 + i % 100000);
    made += 11;
  }
  return 0;
}
int main(void) {
  pthread_t t[4];
  for (long i = 0; i < 4; i++) pthread_create(&t[i], 0, work, (void *)i);
  for (int i = 0; i < 4; i++) pthread_join(t[i], 0);
  printf("%ld calls\\n", made);
}
`;

describe('floods', () => {
  it('of one call, of output and of files are counted, and what comes after is seen', async () => {
    const verdict = await python(
      `
import ctypes, os, socket
libc = ctypes.CDLL(None)
for i in range(60000): libc.getppid()
os.write(1, b'x' * 50)
for i in range(200): os.write(2, b'\\n' * 100000)
for i in range(1500): open(f'/tmp/{i}', 'w')
try: socket.socket().connect(('192.0.2.7', 7))
except OSError: pass
open('/etc/afterwards', 'w').write('seen')`,
      { keep: { calls: 10_000, entries: 1000, output: 30 } },
    );
    expect(verdict.exit, verdict.stderr.text).toMatchObject({ exitCode: 0 });
    expect(verdict.stderr).toMatchObject({ bytes: 20_000_000, truncated: true });
    expect(verdict.stderr.text).toHaveLength(30);
    const call = verdict.syscalls.find(({ name }) => name === 'getppid');
    expect(call).toMatchObject({ atLeast: true });
    expect(call?.calls).toBeGreaterThanOrEqual(10_000);
    expect(call?.calls).toBeLessThan(60_000);
    expect(verdict.complete).toBe(false);
    expect(verdict.missing).toEqual({ dropped: 0, lost: 0, malformed: 0 });
    expect(verdict.omitted).toBeGreaterThan(0);
    expect(verdict.sockets).toMatchObject([{ address: { address: '192.0.2.7' } }]);
    expect(verdict.files.find(({ path }) => path === '/etc/afterwards')?.uses).toContain('written');
  });

  /** A sandbox's side of the observer, by hand. */
  function observed() {
    const listeners = new Map<string, (event: unknown) => void>();
    const box = {
      on: (kind: string, listener: (event: unknown) => void) => listeners.set(kind, listener),
      off: () => undefined,
      eventCounters: { delivered: 0, dropped: 0, lost: 0, malformed: 0 },
    } as unknown as Sandbox;
    const observer = new Observer({ command: ['x'], cwd: '/', callsEach: 1e9, noNetwork: true });
    observer.watch(box);
    const send = (kind: string, event: object): void => listeners.get(kind)?.(event);
    return { box, observer, send };
  }
  const base = { sequence: 1, time: 1000, pid: 2, tid: 2, program: 1, first: true };
  const memory = (): number => process.memoryUsage().heapUsed;

  it('of ten million events take bounded memory and time', { timeout: 240_000 }, () => {
    const { box, observer, send } = observed();
    const before = memory();
    const argument = (value: bigint, string: string) => ({ name: 'a', value, text: 'a', string });
    const kinds = 8;
    for (let i = 0; i < 200_000; i++) {
      const path = `/tmp/${i}`;
      const call = {
        ...base,
        kind: 'syscall',
        number: 1,
        verdict: 'allow',
        result: 1n,
        errno: undefined,
        interrupted: false,
      };
      const at = BigInt(i) * 4096n;
      switch (i % kinds) {
        case 0:
          send('syscall', {
            ...call,
            syscall: 'open',
            arguments: [argument(at, path), argument(0x41n, '')],
            text: path,
          });
          break;
        case 1:
          send('syscall', { ...call, syscall: `syscall_0x${i.toString(16)}`, arguments: [], text: path });
          break;
        case 2:
          send('syscall', {
            ...call,
            syscall: 'mount',
            arguments: [],
            verdict: 'refuse',
            result: undefined,
            errno: 'EPERM',
            text: path,
          });
          break;
        case 3:
          send('fault', {
            ...base,
            kind: 'fault',
            signal: 'SIGSEGV',
            code: i,
            address: 0x680000000000n + at,
            instruction: at,
            vector: 14,
            errorCode: 0n,
          });
          break;
        case 4:
          send('syscall', {
            ...call,
            syscall: 'mmap',
            arguments: [argument(0n, ''), argument(at, ''), argument(5n, ''), argument(0x22n, '')],
            result: at,
            text: path,
          });
          break;
        case 5:
          send('limit', { ...base, kind: 'limit', limit: 'memory', syscall: path, errno: 'ENOMEM' });
          break;
        case 6:
          send('exec', { ...base, kind: 'exec', path, argv: [path], truncated: false });
          break;
        default:
          // Of processes nobody has told of.
          send('syscall', {
            ...call,
            pid: 1000 + (i % 100_000),
            first: false,
            syscall: 'read',
            arguments: [],
            text: path,
          });
      }
    }
    // The rest is what floods are made of: the same again and again.
    const again = {
      ...base,
      kind: 'syscall',
      number: 110,
      syscall: 'getppid',
      verdict: 'allow',
      arguments: [],
    };
    const event = { ...again, result: 1n, errno: undefined, interrupted: false, text: 'getppid() = 1' };
    while (observer.events < 10_000_000) send('syscall', event);
    const result = observer.result(box, undefined);
    expect(observer.events).toBe(10_000_000);
    expect(memory() - before).toBeLessThan(400 * 1024 ** 2);
    expect(result.omitted).toBeGreaterThan(100_000);
    for (const list of [
      result.audit.files,
      result.audit.denied,
      result.audit.programs,
      result.audit.timeline,
    ])
      expect(list).toHaveLength(10_000);
    for (const list of [result.faults, result.executable, result.limits, result.syscalls])
      expect(list.length).toBeLessThanOrEqual(1000);
    expect(JSON.stringify(result.evidence).length).toBeLessThan(10 << 20);
  });

  it('of a real sample, as many as it can make in 20 seconds, take bounded memory', {
    timeout: 240_000,
  }, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'barchan-flood-'));
    try {
      const source = join(folder, 'flood.c');
      writeFileSync(source, flood);
      execFileSync('gcc', ['-O1', '-static', '-pthread', '-w', '-o', join(folder, 'flood'), source]);
      const before = process.memoryUsage().rss;
      let most = 0;
      let events = 0;
      const verdict = await harness.run(join(folder, 'flood'), {
        policy: 'compat',
        timeoutMs: 180_000,
        progressMs: 250,
        onProgress: (progress) => {
          events = Math.max(events, progress.events);
          most = Math.max(most, process.memoryUsage().rss - before);
        },
      });
      expect(verdict.exit, verdict.stderr.text).toMatchObject({ exitCode: 0, timedOut: false });
      const made = Number(/^(\d+) calls$/m.exec(verdict.stdout.text)?.[1]);
      console.log(`${made} calls, ${events} events, at most ${Math.round(most / 1024 ** 2)} MiB more`);
      // Each is told of: the sample waits where Node does not keep up.
      expect(verdict.missing).toEqual({ dropped: 0, lost: 0, malformed: 0 });
      expect(events).toBeGreaterThan(made * 0.95);
      expect(made).toBeGreaterThanOrEqual(50_000);
      expect(most).toBeLessThan(400 * 1024 ** 2);
      expect(verdict.omitted).toBeGreaterThan(0);
      expect(verdict.complete).toBe(false);
      expect(JSON.stringify(verdict).length).toBeLessThan(64 << 20);
      for (const format of harness.reportFormats)
        expect((await harness.formatReport(format, [verdict])).length).toBeLessThan(64 << 20);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('of processes with many descriptors take bounded memory', () => {
    const tracker = new FileTracker('/');
    tracker.begin(1);
    const open = {
      ...base,
      pid: 1,
      kind: 'syscall',
      syscall: 'open',
      arguments: [],
    } as unknown as SyscallEvent;
    for (let fd = 0; fd < 4096; fd++) tracker.opened({ ...open, result: BigInt(fd) }, `/tmp/${fd}`);
    const before = memory();
    for (let child = 2; child < 3000; child++)
      tracker.fork({ ...base, kind: 'fork', pid: child - 1, child, thread: false } as ForkEvent);
    expect(tracker.knows(2999)).toBe(true);
    expect(memory() - before).toBeLessThan(200 * 1024 ** 2);
  });
});

it('what is reached outside shows', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'barchan-reached-'));
  const { TMPDIR } = process.env;
  // So that only this run's canaries are within reach.
  process.env.TMPDIR = folder;
  try {
    const mounts = [{ source: folder, target: '/host', readOnly: false }];
    const changed = await harness.run(
      { script: 'for f in /host/barchan-canary-*/secret; do echo changed > $f; done' },
      { mounts },
    );
    expect(changed.reached).toEqual(['a file of the host was changed']);
    expect(changed.contained).toBe(false);
    const read = await harness.run({ script: 'cat /host/barchan-canary-*/secret' }, { mounts });
    expect(read.reached).toEqual(['a secret of the host was read']);
    const removed = await harness.run({ script: 'rm -r /host/barchan-canary-*/secret' }, { mounts });
    expect(removed.reached).toEqual([expect.stringMatching(/taken away/)]);
    expect((await harness.run({ script: 'ls /host' })).reached).toEqual([]);
  } finally {
    if (TMPDIR === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = TMPDIR;
    rmSync(folder, { recursive: true, force: true });
  }
});
