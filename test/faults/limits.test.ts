/** Under low limits a program runs as natively, or a clear error says which limit to raise. */
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { requires } from '../helpers/skip.js';

const cli = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'barchan-limits-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Outcome {
  status: number | null;
  signal: string | null;
  stdout: string;
  stderr: string;
}

/** Runs `argv` natively or with `barchan run`, after `setup` in the shell that starts it. */
function under(setup: string, argv: readonly string[], isolated = true): Outcome {
  const command = isolated ? [process.execPath, cli, 'run', '--', ...argv] : argv;
  const { status, signal, stdout, stderr } = spawnSync(
    'bash',
    ['-c', `${setup}; exec "$@"`, 'bash', ...command],
    {
      cwd: folder,
      encoding: 'utf8',
      timeout: 60_000,
      killSignal: 'SIGKILL',
      env: { ...process.env, LC_ALL: 'C' },
    },
  );
  return { status, signal, stdout, stderr };
}

describe('limits of Node and the program', () => {
  const pipeline = ['sh', '-c', 'echo a | cat; exit 3'];

  it.each([
    ['128 open files', 'ulimit -n 128'],
    ['a soft limit of 16 open files', 'ulimit -Sn 16'],
    ['512 KiB of stack', 'ulimit -s 512'],
    ['no locked memory', 'ulimit -l 0'],
    ['no pending signals', 'ulimit -i 0'],
    ['no core files', 'ulimit -c 0'],
    ['files of 64 KiB', 'ulimit -f 64'],
  ])('runs with %s', (_, setup) => {
    expect(under(setup, pipeline)).toEqual({ status: 3, signal: null, stdout: 'a\n', stderr: '' });
  });

  it.each([
    ['64 open files', 'ulimit -n 64', 'EMFILE', 'ulimit -n'],
    ['25 open files', 'ulimit -n 25', 'EMFILE', 'ulimit -n'],
    ['20 open files', 'ulimit -n 20', 'EMFILE', 'ulimit -n'],
    ['no bytes in files', 'ulimit -f 0', 'File too large', 'ulimit -f'],
  ])('says what to raise with %s', (_, setup, problem, remedy) => {
    const { status, stdout, stderr } = under(setup, pipeline);
    expect({ status, stdout }).toEqual({ status: 125, stdout: '' });
    expect(stderr).toMatch(/^barchan: [^\n]+\.\n$/);
    expect(stderr).toContain(problem);
    expect(stderr).toContain(remedy);
  });

  it('ends a program that passes its processor time as the kernel does', () => {
    const argv = ['sh', '-c', 'ulimit -c 0; ulimit -St 1; while :; do :; done'];
    expect(under(':', argv)).toMatchObject({ status: null, signal: 'SIGXCPU' });
  });
});

describe('limits that the program sets for itself', () => {
  it.each([
    [
      'open files',
      'ulimit -n 5; echo a | cat; exec 3</dev/null 4</dev/null; echo $?; true <&- 5</dev/null; echo $?',
    ],
    ['the size of files', 'trap "" XFSZ; ulimit -f 0; /bin/echo a >file; echo $?; /bin/echo b'],
    [
      'death by SIGXFSZ',
      'ulimit -c 0; ulimit -f 0; { sh -c "exec /bin/echo a >>file"; } 2>/dev/null; echo $?',
    ],
    ['the stack', 'ulimit -s 100; /bin/echo a; ulimit -s'],
    ['an argument list that is too long', 'ulimit -s 512; /bin/echo $(seq 100000) >/dev/null; echo $?'],
  ])('%s', (_, script) => {
    const [there, here] = [false, true].map((isolated) => under(':', ['bash', '-c', script], isolated));
    expect(here).toEqual(there);
  });
});

/** True when every user can enter the folders above `path`. */
function openToAll(path: string): boolean {
  for (let at = dirname(path); ; at = dirname(at)) {
    if ((statSync(at).mode & 0o1) === 0) return false;
    if (at === '/') return true;
  }
}

// The limit counts all processes of a user and is not for root: a user of its own has only what this test starts.
it('a limit on processes: runs, fails as fork does, or says what to raise', (context) => {
  requires(context, process.getuid?.() === 0, 'must be root to become another user');
  requires(context, openToAll(cli), `${cli} cannot be reached by every user`);
  const device = join(folder, 'kvm');
  execFileSync('mknod', ['-m', '666', device, 'c', '10', '232']);
  chmodSync(folder, 0o755);
  const user = 60_000 + (process.pid % 5000);
  const script = join(folder, 'few-processes.mjs');
  writeFileSync(
    script,
    `import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { run } from ${JSON.stringify(fileURLToPath(new URL('../../dist/index.js', import.meta.url)))};
process.chdir('/');
const once = () => run(['sh', '-c', 'echo a; echo b | cat; exit 3'], { kvmDevice: ${JSON.stringify(device)} })
  .catch(({ code, errno, message }) => ({ code, errno, message }));
process.setgroups([]); process.setgid(${user}); process.setuid(${user});
await once();
const threads = readdirSync('/proc/self/task').length;
const results = [];
for (let more = 10; more >= 0; more--) {
  for (let left = 100; left > 0; left--) {
    // The kernel counts the last program's threads for a moment after their end.
    const { status } = spawnSync('prlimit', ['--pid', process.pid, '--nproc=' + (threads + more)]);
    if (status === 0) break;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  await new Promise((resolve) => setTimeout(resolve, 200));
  results.unshift(await once());
}
console.log(JSON.stringify(results));
`,
  );
  const { stdout, stderr } = spawnSync(process.execPath, [script], { encoding: 'utf8', timeout: 120_000 });
  expect(stderr).toBe('');
  const results = JSON.parse(stdout) as Record<string, unknown>[];
  expect(results[0]).toMatchObject({ code: 'ERR_SYSTEM', errno: 11 });
  expect(results[10]).toMatchObject({ exitCode: 3, stdout: 'a\nb\n', stderr: '' });
  for (const result of results) {
    if ('code' in result) {
      expect(result).toMatchObject({
        code: 'ERR_SYSTEM',
        errno: 11,
        message: expect.stringContaining('ulimit -u'),
      });
    } else if (result.exitCode !== 3) {
      expect(result).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('fork') });
    }
  }
}, 150_000);
