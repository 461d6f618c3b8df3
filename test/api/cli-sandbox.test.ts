/** `barchan run` with the options that ask for a sandbox. */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';

const subreaper = fileURLToPath(new URL('../helpers/subreaper.py', import.meta.url));
const cli = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'barchan-cli-sandbox-'));
chmodSync(folder, 0o755);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function run(...args: string[]) {
  const env = { ...process.env, SECRET: 'of this process' };
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, [cli, 'run', ...args], {
    encoding: 'utf8',
    timeout: 60_000,
    env,
  });
  return { status, signal, stdout, stderr };
}

describe('barchan run', () => {
  it('is a plain process runner without them', () => {
    const { stdout } = run('--', 'sh', '-c', `hostname; echo $SECRET; echo x > ${folder}/plain; echo $$`);
    expect(stdout.split('\n').slice(0, 2)).toEqual([hostname(), 'of this process']);
    expect(readFileSync(join(folder, 'plain'), 'utf8')).toBe('x\n');
  });

  it('--sandbox', () => {
    const script = `echo $$ $SECRET; hostname; ls ${folder} 2>/dev/null || echo hidden; touch /usr/x 2>/dev/null || echo read-only; exit 9`;
    expect(run('--sandbox', 'sh', '-c', script)).toEqual({
      status: 9,
      signal: null,
      stdout: '2\nsandbox\nhidden\nread-only\n',
      stderr: '',
    });
    expect(run('--sandbox', 'sh', '-c', 'kill -TERM $$')).toMatchObject({ signal: 'SIGTERM' });
    expect(run('--sandbox', 'no-such-program')).toMatchObject({ status: 127 });
    expect(run('--sandbox', '/etc/passwd')).toMatchObject({ status: 126 });
  });

  it('--mount, --tmpfs, --hostname, --user, --rlimit, -C, -e', () => {
    mkdirSync(join(folder, 'shown'));
    chmodSync(join(folder, 'shown'), 0o777); // root becomes user 7
    writeFileSync(join(folder, 'shown/file'), 'shown\n');
    const script =
      'cat /a/file; touch /a/x 2>/dev/null || echo ro; echo w > /b/new; df --output=size /c | tail -1; hostname; id -u; id -g; ulimit -n; pwd; echo $A $SECRET';
    const options = ['--mount', `${folder}/shown:/a`, '--mount', `${folder}/shown:/b:rw`, '--tmpfs', '/c:2m'];
    const more = ['--hostname', 'box', '--user', '7:8', '--rlimit', 'nofile=99:200', '-C', '/b', '-e', 'A=1'];
    const { stdout, stderr, status } = run(...options, ...more, 'sh', '-c', script);
    expect(`${status} ${stderr}`).toBe('0 ');
    expect(stdout.split(/\s+/)).toEqual(['shown', 'ro', '2048', 'box', '7', '8', '99', '/b', '1', '']);
    expect(readFileSync(join(folder, 'shown/new'), 'utf8')).toBe('w\n');
  });

  it('--rootfs, --writable, --net', () => {
    const script = 'echo x > /usr/barchan-cli && cat /usr/barchan-cli; tail -n +3 /proc/net/dev | wc -l';
    expect(run('--writable', 'tmpfs', '--net', 'loopback', 'sh', '-c', script).stdout).toBe('x\n1\n');
    mkdirSync(join(folder, 'layer'));
    expect(run('--writable', `${folder}/layer`, 'sh', '-c', script).status).toBe(0);
    expect(readFileSync(join(folder, 'layer/upper/usr/barchan-cli'), 'utf8')).toBe('x\n');
    const empty = join(folder, 'empty');
    mkdirSync(empty);
    expect(run('--rootfs', empty, 'sh')).toMatchObject({ status: 127 });
  });

  it.each([
    [['--mount', 'x'], '--mount must be'],
    [['--mount', '/etc:/a:rx'], '--mount must be'],
    [['--mount', '/etc:a'], 'options.mounts[0].target'],
    [['--tmpfs', '/a:big'], '--tmpfs must be'],
    [['--user', 'root'], '--user must be'],
    [['--rlimit', 'nofile'], '--rlimit must be'],
    [['--rlimit', 'files=3'], 'options.rlimits.files'],
    [['--net', 'bridge'], 'options.network'],
    [['--rootfs', '/no/such'], 'options.rootfs.directory'],
    [['--allow-weaker', 'all'], 'options.allowWeaker[0]'],
  ])('refuses %j', (options, text) => {
    const result = run(...options, 'true');
    expect(result).toMatchObject({ status: 2, stdout: '' });
    expect(result.stderr).toContain(text);
  });

  it.each([200, 400, 800, 1500])('leaves nothing when it is killed after %d ms', (delayMs) => {
    const command = ['run', '--sandbox', 'sh', '-c', 'setsid sleep 1000 & sleep 1000; :'];
    const result = spawnSync(
      '/usr/bin/python3',
      [subreaper, String(delayMs), '20', process.execPath, cli, ...command],
      { encoding: 'utf8' },
    );
    expect(result.stdout + result.stderr).toBe('0\n');
  });
});
