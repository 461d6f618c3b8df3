import { type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compileGuest, type GuestProgram, guestPrograms } from '../helpers/guest-programs.mjs';
import { processesWith, until } from '../helpers/processes.js';

const cli = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'barchan-cli-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function barchan(args: string[], input = ''): SpawnSyncReturns<string> {
  return spawnSync(process.execPath, [cli, ...args], { input, encoding: 'utf8', timeout: 60_000 });
}

describe('barchan run', () => {
  it('passes streams and the status through', () => {
    const result = barchan(['run', '--', 'sh', '-c', 'cat; echo err >&2; exit 5'], 'in');
    expect(result).toMatchObject({ status: 5, stdout: 'in', stderr: 'err\n' });
  });

  it.each(['SIGTERM', 'SIGINT', 'SIGKILL', 'SIGSEGV'] as const)('dies by %s as the program did', (signal) => {
    const result = barchan(['run', 'sh', '-c', `ulimit -c 0; kill -${signal.slice(3)} $$`]);
    expect(result).toMatchObject({ status: null, signal });
  });

  it('leaves the options of the program alone', () => {
    expect(barchan(['run', 'printf', '%s\n', '--help', '--', '-C']).stdout).toBe('--help\n--\n-C\n');
    expect(barchan(['run', '--', 'echo', '-n', 'x']).stdout).toBe('x');
  });

  it('has options for folder, environment and argv[0]', () => {
    const script = 'echo $PWD $A $B $0; env | grep -cE "^(A|B|PATH)="; echo $HOME';
    const environment = ['--clear-env', '-e', 'A=1=2', '--env', 'B=3', '-e', 'PATH'];
    expect(barchan(['run', '-C', '/usr', ...environment, 'sh', '-c', script]).stdout).toBe(
      '/usr 1=2 3 sh\n3\n\n',
    );
    const line = 'tr "\\0" " " < /proc/$$/cmdline';
    expect(barchan(['run', '--argv0=name', 'sh', '-c', line]).stdout).toMatch(/^name -c /);
  });

  it.each([
    ['an unknown command', ['ran'], 2, 'no command "ran"'],
    ['an unknown option', ['run', '--tty', 'ls'], 2, "Unknown option '--tty'"],
    ['no program', ['run'], 2, 'no program'],
    ['an option without its value', ['run', '--cwd'], 2, '--cwd'],
    ['a wrong timeout', ['run', '--timeout', '1s', 'ls'], 2, '--timeout must be milliseconds'],
    [
      'a timeout out of range',
      ['run', '--timeout', '9999999999', 'ls'],
      2,
      'run: --timeout cannot be 9999999999. Give',
    ],
    ['a folder that is not there', ['run', '-C', '/none', 'ls'], 2, 'run: --cwd cannot be "/none". Give'],
    ['a variable without a name', ['trace', '-e', '=x', 'ls'], 2, 'trace: --env cannot be ""'],
    ['a program that is not there', ['run', '-e', 'PATH=/usr/bin', 'no-such-program'], 127, 'not in PATH'],
    ['a program without x bit', ['run', '/etc/passwd'], 126, '/etc/passwd'],
    ['no KVM', ['run', '--device', '/dev/no-kvm', 'ls'], 125, 'modprobe'],
    ['a word after doctor', ['doctor', 'x'], 2, 'not expected'],
    ['an empty device', ['doctor', '--device', ''], 2, 'doctor: --device cannot be ""'],
    ['help on what is not there', ['help', 'ran'], 2, 'no command "ran"'],
    ['no command', [], 2, 'no command was given'],
    [
      'a trace that cannot be written',
      ['trace', '-o', '/no/such/folder/x', 'true'],
      125,
      '--output /no/such/folder/x: ENOENT',
    ],
  ])('explains %s', (_, args, status, message) => {
    const result = barchan(args);
    expect(result.stderr).toContain(message);
    expect(result.stderr).toMatch(/^barchan: /);
    expect(result).toMatchObject({ status, stdout: '' });
  });

  it('passes inherited descriptors on under their numbers, and none of its own', () => {
    // Without a pipe or a file of its own.
    const list = 'for n in /proc/$$/fd/*; do printf "%s " $' + '{n##*/}; readlink $n || echo; done';
    const script = `exec 7</dev/zero
      node=$0; cli=$1; file=$2
      ${list} >"$file"
      "$node" "$cli" run -- bash -c 'head -c 2 <&7 | od -An -tx1; ${list}'
      "$node" "$cli" run -- cat <(echo one) <(echo two)`;
    const before = join(folder, 'descriptors');
    const { stdout, stderr } = spawnSync('bash', ['-c', script, process.execPath, cli, before], {
      encoding: 'utf8',
    });
    expect(stderr).toBe('');
    const [zeros, ...inside] = stdout.trimEnd().split('\n');
    expect([zeros, ...inside.splice(-2)]).toEqual([' 00 00', 'one', 'two']);
    const extra = (lines: string[]): string[] => lines.filter((line) => /^(\d{2,}|[3-9]) [^ ]/.test(line));
    const outside = extra(readFileSync(before, 'utf8').trim().split('\n'));
    expect(inside).toContain('7 /dev/zero');
    for (const line of extra(inside)) expect(outside).toContain(line);
  });

  it('ends after --timeout with 124', () => {
    expect(barchan(['run', '--timeout', '300', 'sleep', '60'])).toMatchObject({ status: 124 });
  });

  it('keeps processes in the background, or ends them', () => {
    const script = (mark: string): string => `sleep ${mark} >/dev/null 2>&1 & echo $!; sleep 0.3`;
    const kept = barchan(['run', 'sh', '-c', script('3.14159')]);
    expect(kept.status).toBe(0);
    const pids = processesWith('sleep\x003.14159');
    for (const pid of pids) process.kill(pid, 'SIGKILL');
    expect(pids).toEqual([Number(kept.stdout)]);

    expect(barchan(['run', '--kill-background', 'sh', '-c', script('3.24159')]).status).toBe(0);
    expect(processesWith('sleep\x003.24159')).toEqual([]);
  });

  it.each(['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGUSR1'] as const)('passes %s on', async (signal) => {
    const script = `trap "echo got; exit 4" ${signal.slice(3)}; echo ready; while :; do sleep 0.05; done`;
    const child = spawn(process.execPath, [cli, 'run', 'sh', '-c', script]);
    let seen = '';
    child.stdout.on('data', (chunk) => {
      seen += chunk;
    });
    await until(() => seen === 'ready\n');
    child.kill(signal);
    expect(await new Promise((resolve) => child.once('close', resolve))).toBe(4);
    expect(seen).toBe('ready\ngot\n');
  });

  it('leaves no process when it is killed itself', async () => {
    const mark = '31.7159';
    const script = `(setsid sleep ${mark} &); sleep ${mark}; :`;
    const child = spawn(process.execPath, [cli, 'run', 'sh', '-c', script]);
    await until(() => processesWith(`sleep\0${mark}`).length === 2);
    child.kill('SIGKILL');
    await until(() => processesWith(mark).length === 0);
  });

  it('dies of a closed pipe as the program does', () => {
    const script = `"${process.execPath}" "${cli}" run yes | head -1; echo "\${PIPESTATUS[0]}"`;
    expect(spawnSync('bash', ['-c', script], { encoding: 'utf8' }).stdout).toBe('y\n141\n');
  });
});

describe('barchan trace', () => {
  it('writes system calls to a file', () => {
    const file = join(folder, 'trace');
    const result = barchan(['trace', '-o', file, '--', 'echo', 'hello']);
    expect(result).toMatchObject({ status: 0, stdout: 'hello\n', stderr: '' });
    expect(readFileSync(file, 'utf8')).toMatch(/write\(1, "hello\\n", 6\) = 6/);
  });

  it('writes them to stderr, of forked and executed processes too', () => {
    const { stderr } = barchan(['trace', 'sh', '-c', '/bin/true; exit 0']);
    expect(stderr.match(/exit_group\(0\)/g)).toHaveLength(2);
    expect(stderr).toMatch(/execve\("\/bin\/true"/);
  });

  it("shows what a guest's own seccomp filter refuses", async () => {
    const program = guestPrograms().find(({ name }) => name === 'seccomp_filters');
    expect(program).toBeDefined();
    const file = join(folder, 'refused');
    barchan(['trace', '-o', file, '--', await compileGuest(program as GuestProgram, 'static')]);
    const lines = readFileSync(file, 'utf8');
    expect(lines).toMatch(/ = -1 \w+ \(.*\) \(seccomp\)\n/); // SECCOMP_RET_ERRNO
    expect(lines).toMatch(/getppid\(\) = \? \(seccomp\)\n/); // SECCOMP_RET_KILL_PROCESS
  });
});

describe('barchan doctor', () => {
  it('tells the entry mode', () => {
    const result = barchan(['doctor', '--json']);
    const report = JSON.parse(result.stdout);
    expect(report.checks.filter((check: { ok: boolean }) => !check.ok)).toEqual([]);
    expect(result.status).toBe(0);
    expect(report).toMatchObject({ ok: true, kvm: { apiVersion: 12 } });
    expect(report.sandbox).toMatchObject({
      ok: true,
      limits: { pids: expect.stringMatching(/cgroup|rlimit|none/) },
    });
    expect(report.sandbox.checks.map((check: { name: string }) => check.name)).toEqual([
      'isolation',
      'landlock',
      'overlay',
      'limits',
    ]);
    expect(['supervisor', 'user']).toContain(report.entryMode);
    expect(barchan(['doctor']).stdout).toContain(`entry mode: ${report.entryMode}`);
  });

  it('has a remedy for a missing device', () => {
    const result = barchan(['doctor', '--json', '--device', '/dev/no-kvm']);
    expect(result.status).toBe(1);
    const report = JSON.parse(result.stdout);
    expect(report.checks.find((check: { name: string }) => check.name === 'device')).toMatchObject({
      ok: false,
      remedy: expect.stringContaining('modprobe'),
    });
    expect(report).toMatchObject({ ok: false, entryMode: null, sandbox: null });
  });
});

describe('barchan', () => {
  it('has help and a version', () => {
    expect(barchan(['--help'])).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('Usage: barchan'),
    });
    expect(barchan(['help', 'trace']).stdout).toContain('--output');
    expect(barchan(['run', '--help']).stdout).toContain('--kill-background');
    expect(barchan(['--version']).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
    expect(barchan(['version']).stdout).toBe(barchan(['-V']).stdout);
  });

  it('says when its output cannot be written, and nothing when nobody reads it', () => {
    const script = (command: string): string =>
      command.replaceAll('barchan', `"${process.execPath}" "${cli}"`);
    const full = spawnSync('bash', ['-c', script('barchan help >/dev/full')], { encoding: 'utf8' });
    expect(full).toMatchObject({ status: 125, stderr: expect.stringContaining('ENOSPC') });
    const pipe = spawnSync('bash', ['-c', script('barchan doctor | true; echo $PIPESTATUS')], {
      encoding: 'utf8',
    });
    expect(pipe).toMatchObject({ stdout: '141\n', stderr: '' });
  });

  it('writes a log with DEBUG', () => {
    const { stdout, stderr, status } = spawnSync(process.execPath, [cli, 'run', 'sh', '-c', 'exit 3'], {
      encoding: 'utf8',
      env: { ...process.env, DEBUG: 'barchan:*' },
    });
    expect({ stdout, status }).toEqual({ stdout: '', status: 3 });
    for (const area of ['sandbox', 'launch', 'control', 'process'])
      expect(stderr).toContain(`barchan:${area} `);
  });
});
