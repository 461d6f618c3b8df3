/** barchan audit, barchan policy learn, barchan ps. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AuditReport } from '../../lib/audit.js';
import { auditHtml } from '../../lib/audit-html.js';
import { auditJson, auditText } from '../../lib/audit-text.js';
import { Policy, Sandbox } from '../../lib/index.js';
import { until } from '../helpers/processes.js';

const cli = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const python = '/usr/bin/python3';
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'barchan-audit-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function barchan(...args: string[]) {
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, [cli, ...args], {
    encoding: 'utf8',
    cwd: folder,
    timeout: 120_000,
    maxBuffer: 64 << 20,
  });
  return { status, signal, stdout, stderr };
}

function audit(command: string[], ...options: string[]): AuditReport {
  const file = join(folder, 'report.json');
  barchan('audit', '--json', '-o', file, ...options, '--', ...command);
  return JSON.parse(readFileSync(file, 'utf8')) as AuditReport;
}

const uses = (report: AuditReport, name: string): string[] | undefined =>
  report.files.find(({ path }) => path === join(folder, name))?.uses.sort();

describe('barchan audit', () => {
  it('says what was started, read, written, created, deleted and how it ended', () => {
    writeFileSync(join(folder, 'given'), 'text');
    const script = `
mkdir made; cd made; cat ../given > copy; mv copy ../moved; cd ..; rmdir made
ln -s given link; chmod 600 given; rm link; cat nothing; exit 4`;
    const report = audit(['sh', '-c', script]);
    expect(report).toMatchObject({
      barchanAudit: 1,
      command: ['sh', '-c', script],
      complete: true,
      omitted: 0,
      exit: { exitCode: 4, signal: null, timedOut: false },
      denied: [],
      sockets: [],
    });
    expect(report.programs.map(({ argv }) => argv[0])).toEqual([
      'sh',
      'mkdir',
      'cat',
      'mv',
      'rmdir',
      'ln',
      'chmod',
      'rm',
      'cat',
    ]);
    expect(report.processes).toHaveLength(9);
    expect(report.processes.every(({ endMs, startMs }) => endMs !== undefined && endMs >= startMs)).toBe(
      true,
    );
    expect(uses(report, 'given')).toEqual(['changed', 'read']);
    expect(uses(report, 'made')).toEqual(['created', 'deleted']);
    expect(uses(report, 'made/copy')).toEqual(['created', 'deleted', 'written']);
    expect(uses(report, 'moved')).toEqual(['created']);
    expect(uses(report, 'link')).toEqual(['created', 'deleted']);
    expect(report.files.find(({ path }) => path === join(folder, 'nothing'))).toMatchObject({
      uses: [],
      failures: 1,
      errors: ['ENOENT'],
    });
    expect(report.timeline.map(({ kind }) => kind)).toContain('exec');
  });

  it('names addresses and refused calls with their arguments', () => {
    const script = `
import ctypes, socket
for s, a in ((socket.socket(2), ("127.0.0.1", 9)), (socket.socket(1), "/nowhere")):
  try: s.connect(a)
  except OSError: pass
socket.socket(1).bind("\\0name")
ctypes.CDLL(None).swapon(b"x", 0)
ctypes.CDLL(None).mkdir(b"/tmp/refused", 7)
ctypes.CDLL(None).mkdir(b"/tmp/refused", 7)`;
    const file = join(folder, 'deny.json');
    writeFileSync(
      file,
      JSON.stringify({ profile: 'compat', rules: [{ calls: ['mkdirat'], action: 'deny' }] }),
    );
    const report = audit([python, '-S', '-c', script], '--policy', file);
    expect(report.sockets.map(({ use, address, errors }) => ({ use, address, errors }))).toEqual([
      {
        use: 'connect',
        address: { family: 'AF_INET', address: '127.0.0.1', port: 9 },
        errors: ['ECONNREFUSED'],
      },
      {
        use: 'connect',
        address: { family: 'AF_UNIX', path: '/nowhere', abstract: false },
        errors: ['ENOENT'],
      },
      { use: 'bind', address: { family: 'AF_UNIX', path: 'name', abstract: true }, errors: [] },
    ]);
    expect(report.denied).toMatchObject([
      { syscall: 'swapon', verdict: 'refuse', errno: 'EPERM', calls: 1 },
      {
        syscall: 'mkdir',
        verdict: 'deny',
        errno: 'EPERM',
        calls: 2,
        text: 'mkdir("/tmp/refused", 07) = -1 EPERM',
      },
    ]);
  });

  it('keeps the program’s output, status and death', () => {
    const said = barchan(
      'audit',
      '-o',
      '/dev/null',
      '--',
      'sh',
      '-c',
      'echo out; echo err >&2; kill -TERM $$',
    );
    expect(said).toEqual({ status: null, signal: 'SIGTERM', stdout: 'out\n', stderr: 'err\n' });
    const text = barchan('audit', '--', 'true');
    expect(text).toMatchObject({ status: 0, stdout: '' });
    expect(text.stderr).toMatch(/^audit of true\nexit status 0, after \d+\.\d{3} s\n\nPrograms: 1\n/);
    expect(barchan('audit', '-o', '/nowhere/file', '--', 'true').status).toBe(125);
    expect(barchan('audit').status).toBe(2);
  });

  it('misses nothing of a busy program, in a sandbox too', () => {
    const script = 'for i in $(seq 300); do : > /tmp/f$i; done; ls /tmp | wc -l';
    const report = audit(['sh', '-c', script], '--sandbox');
    expect(report.complete).toBe(true);
    expect(report.files.filter(({ path }) => /^\/tmp\/f\d+$/.test(path))).toHaveLength(300);
  });
});

describe('hostile names', () => {
  const names = [
    '<script>alert(1)</script>',
    '"><img src=x onerror=alert(1)>',
    "'onmouseover='x",
    '</title></style><svg onload=x>',
    '\u001b[31m\u001b]0;title\u0007\u009b2J\b\b',
    'a\rb\u2028c\u202egnp.exe\u200f\ufeff',
    '&lt;&#60;',
    '{"json": 1}\\u003c',
    '\ud800',
  ];
  // Only what the page itself is made of, and no attribute that acts.
  const tags =
    /<(?!\/?(?:html|head|body|meta|title|style|h1|h2|p|code|span|b|i|div|svg|line|text|rect|details|summary|table|tr|td)[\s>]|!doctype)/i;
  let report: AuditReport;

  beforeAll(() => {
    const script = `
import os, subprocess, sys
os.mkdir("hostile"); os.chdir("hostile")
for i, name in enumerate(sys.argv[1:]):
  open(name.replace("/", "_"), "w").close()
  subprocess.run([name, name], executable="/bin/true")
try: open("\\x9b\\udcff", "w").close()
except OSError: pass
`;
    const command = [python, '-S', '-c', script, ...names.slice(0, -1)];
    report = audit(command, '--html', join(folder, 'page.html'));
    // What no file name can hold comes from elsewhere.
    report.programs.push({ atMs: 1, pid: 1, path: names.join(''), argv: names });
    report.timeline.push({ atMs: 1, pid: report.processes[0]?.pid ?? 0, kind: 'file', text: names.join('') });
    report.command = [...report.command, ...names];
  });

  it('are in the report as they are', () => {
    expect(report.complete).toBe(true);
    expect(report.exit?.exitCode).toBe(0);
    for (const name of names.slice(0, -1)) {
      expect(
        report.programs.some(({ argv }) => argv[1] === name),
        name,
      ).toBe(true);
      const path = join(folder, 'hostile', name.replaceAll('/', '_'));
      expect(
        report.files.some((file) => file.path === path),
        name,
      ).toBe(true);
    }
  });

  it('are text in the page', () => {
    for (const page of [auditHtml(report), readFileSync(join(folder, 'page.html'), 'utf8')]) {
      expect(page.match(tags)).toBeNull();
      expect(page).not.toMatch(/<[^>]*\son\w+\s*=/i);
      expect(page.replaceAll('\n', '')).not.toMatch(/\p{Cc}|\p{Cf}|\p{Zl}|\p{Cs}/u);
      expect(page).toContain("default-src 'none'");
      expect(page).toContain('&lt;script&gt;alert(1)&lt;');
    }
  });

  it('do nothing to a terminal, as text or JSON', () => {
    expect(auditText(report).replaceAll('\n', '')).not.toMatch(/\p{Cc}|\p{Cf}|\p{Zl}|\p{Cs}/u);
    const json = auditJson(report);
    expect(json).toMatch(/^[\n -~]*$/);
    expect(JSON.parse(json)).toEqual(report);
  });
});

describe('barchan policy learn', () => {
  const file = (): string => join(folder, 'learned.json');
  const refused = 'import os\ntry: os.mkfifo("/tmp/never")\nexcept OSError as e: print(e.errno)';

  it.each([
    ['a shell pipeline', ['sh', '-c', 'ls /etc | wc -l; echo $(date +%Y)']],
    [
      'threads and processes',
      [
        python,
        '-S',
        '-c',
        `
import subprocess, threading
t = [threading.Thread(target=lambda: sum(range(1000))) for _ in range(4)]
for x in t: x.start()
for x in t: x.join()
print(subprocess.run(["echo", "a"], capture_output=True).stdout)`,
      ],
    ],
    ['tar', ['tar', 'cf', '/dev/null', '/etc/hostname']],
    ['node', [process.execPath, '-e', 'console.log(require("fs").readFileSync("/etc/hostname").length > 0)']],
    ['perl', ['perl', '-e', 'print 6 * 7']],
  ])(
    'writes a policy for %s that lets it run and others not',
    (_, command) => {
      const learned = barchan('policy', 'learn', '-o', file(), '--', ...command);
      expect(learned.status).toBe(0);
      Policy.from(JSON.parse(readFileSync(file(), 'utf8')));
      for (let i = 0; i < 2; i++)
        expect(barchan('run', '--policy', file(), '--', ...command)).toMatchObject({
          status: 0,
          stdout: learned.stdout,
          stderr: learned.stderr,
        });
      // What it has not done is refused; python itself may need more than is allowed, and then ends by that.
      const other = barchan('run', '--policy', file(), '--', python, '-S', '-c', refused);
      expect(other.stdout === '1\n' || other.status !== 0).toBe(true);
      const shown = barchan('policy', 'show', file(), '--json');
      const { guestCalls } = JSON.parse(shown.stdout) as { guestCalls: string[] };
      expect(guestCalls).not.toContain('mknodat');
      expect(guestCalls).not.toContain('setuid');
      expect(guestCalls.length).toBeLessThan(110);
    },
    120_000,
  );

  it('allows the kinds of sockets and the addresses that were used, no others', () => {
    const script = (domain: string, port: string): string => `
import socket, sys
try:
  s = socket.socket(${domain}, 2)
  s.connect(("127.0.0.1" if ${domain} == 2 else "::1", ${port}))
  print("connected")
except OSError as e: print(e.errno)`;
    barchan('policy', 'learn', '-o', file(), '--', python, '-S', '-c', script('2', '9'));
    const policy = JSON.parse(readFileSync(file(), 'utf8'));
    expect(policy).toMatchObject({ network: [{ address: '127.0.0.1', ports: 9 }], writeXorExecute: true });
    const run = (domain: string, port: string): string =>
      barchan('run', '--policy', file(), '--', python, '-S', '-c', script(domain, port)).stdout;
    expect(run('2', '9')).toBe('connected\n');
    expect(run('2', '10')).toBe('13\n');
    expect(run('10', '9')).toBe('1\n');
  });

  it('unites several runs with --into, and keeps rules that were added by hand', () => {
    const target = join(folder, 'united.json');
    const learn = (...command: string[]): number | null =>
      barchan('policy', 'learn', '--into', target, '--', ...command).status;
    const run = (...command: string[]): number | null =>
      barchan('run', '--policy', target, '--', ...command).status;
    const connect = (domain: string, port: number): string[] => [
      ...[python, '-S', '-c'],
      `import socket; socket.socket(socket.${domain}, 2).connect(("127.0.0.1" if "${domain}" == "AF_INET" else "::1", ${port}))`,
    ];
    expect(learn(...connect('AF_INET', 9))).toBe(0);
    const first = JSON.parse(readFileSync(target, 'utf8'));
    expect(first).toMatchObject({ network: [{ address: '127.0.0.1', ports: 9 }], writeXorExecute: true });
    expect(run(...connect('AF_INET', 9))).toBe(0);
    expect(run(...connect('AF_INET6', 10))).not.toBe(0);
    expect(learn(...connect('AF_INET6', 10))).toBe(0);
    // Both run now, and nothing is between them.
    expect([run(...connect('AF_INET', 9)), run(...connect('AF_INET6', 10))]).toEqual([0, 0]);
    expect(run(...connect('AF_INET', 10))).not.toBe(0);
    const united = JSON.parse(readFileSync(target, 'utf8'));
    expect(united).toMatchObject({
      network: [
        { address: '127.0.0.1', ports: 9 },
        { address: '::1', ports: 10 },
      ],
      writeXorExecute: true,
    });
    const own = { calls: ['connect'], action: 'deny', errno: 'ENETDOWN' };
    writeFileSync(target, JSON.stringify({ ...united, rules: [...united.rules, own] }));
    expect(learn('true')).toBe(0);
    expect(JSON.parse(readFileSync(target, 'utf8')).rules.at(-1)).toEqual(own);
    expect(run(...connect('AF_INET', 9))).not.toBe(0);
    for (const wrong of ['{"profile":"compat"}', '{', '[]']) {
      writeFileSync(target, wrong);
      expect(learn('true'), wrong).toBe(125);
      expect(readFileSync(target, 'utf8')).toBe(wrong);
    }
    expect(barchan('policy', 'learn', '--into', target, '-o', file(), '--', 'true').status).toBe(2);
  }, 120_000);

  it('says when the program failed, and refuses what it cannot do', () => {
    expect(barchan('policy', 'learn', '-o', file(), '--', 'false')).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('the program failed'),
    });
    expect(barchan('policy', 'learn').status).toBe(2);
    expect(barchan('policy', 'learn', '-o', '/nowhere/file', '--', 'true').status).toBe(125);
  });
});

describe('barchan ps', () => {
  interface Listed {
    programs: {
      pid: number;
      owner: number;
      isolation: string;
      policy: string;
      command: string[];
      ageSeconds: number;
      processes: number;
    }[];
  }
  const list = (): Listed['programs'] => (JSON.parse(barchan('ps', '--json').stdout) as Listed).programs;

  it('shows programs with their isolation, policy, age and command while they run', async () => {
    const marker = `marker-${process.pid}`;
    await using box = await Sandbox.create();
    await using plain = await Sandbox.create({ isolation: 'none', policy: Policy.compat().deny('mount') });
    const first = await box.spawn(['sh', '-c', 'read x; echo', `${marker}\u001b[31m`]);
    const second = await plain.spawn(['sh', '-c', 'sleep 100 & wait', marker]);
    await until(() => list().filter(({ command }) => command[3]?.startsWith(marker)).length === 2);
    const own = list().filter(({ owner }) => owner === process.pid);
    expect(own.find(({ pid }) => pid === first.pid)).toMatchObject({
      isolation: 'full',
      policy: 'default',
      processes: 1,
      command: ['sh', '-c', 'read x; echo', `${marker}\u001b[31m`],
    });
    await until(() => list().some(({ pid, processes }) => pid === second.pid && processes === 2));
    expect(own.find(({ pid }) => pid === second.pid)).toMatchObject({ isolation: 'none', policy: 'custom' });
    expect(own.every(({ ageSeconds }) => ageSeconds >= 0 && ageSeconds < 600)).toBe(true);
    const { stdout } = barchan('ps');
    expect(stdout.split('\n')[0]).toMatch(/^PID +OWNER +AGE +ISOLATION +POLICY +PROCESSES +COMMAND$/);
    expect(stdout).toContain(`${marker}\\u{1b}[31m`);
    expect(stdout).not.toContain('\u001b');
    await Promise.all([first.end(), second.end()]);
    expect(list().filter(({ owner }) => owner === process.pid)).toEqual([]);
  }, 60_000);

  it('shows what the command line runs, and takes nothing for one that only has the name', async () => {
    const run = spawn(process.execPath, [cli, 'run', '--', 'sleep', '54321'], { stdio: 'ignore' });
    const fake = spawn(python, [
      '-S',
      '-c',
      'import time; open("/proc/self/comm", "w").write("barchan-super"); time.sleep(60)',
    ]);
    try {
      await until(() => list().some(({ command }) => command.join(' ') === 'sleep 54321'));
      const found = list().find(({ command }) => command.join(' ') === 'sleep 54321');
      expect(found).toMatchObject({ owner: run.pid, isolation: 'none', policy: 'none' });
      expect(list().some(({ owner }) => owner === fake.pid)).toBe(false);
    } finally {
      run.kill('SIGKILL');
      fake.kill('SIGKILL');
      await Promise.all([once(run, 'exit'), once(fake, 'exit')]);
    }
    await until(() => !list().some(({ command }) => command.join(' ') === 'sleep 54321'));
    expect(barchan('ps', '--wrong').status).toBe(2);
  }, 60_000);
});
