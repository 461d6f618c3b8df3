/** spawn() with `pty`: terminals as programs expect them. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Sandbox, type SpawnOptions, type TerminalProcess } from '../../lib/index.js';
import { describeFds } from '../helpers/open-files.js';
import { processesWith, until } from '../helpers/processes.js';

const size = { cols: 90, rows: 30 };

/** What a terminal has shown so far. */
class Screen {
  text = '';
  readonly ended: Promise<void>;
  constructor(guest: TerminalProcess) {
    guest.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      this.text += chunk;
    });
    this.ended = new Promise((resolve) => guest.stdout.once('end', resolve));
  }
  async shows(pattern: RegExp): Promise<void> {
    await expect.poll(() => this.text, { timeout: 10_000 }).toMatch(pattern);
  }
}

describe.each(['none', 'full'] as const)('a terminal, isolation %s', (isolation) => {
  let box: Sandbox;
  beforeEach(async () => {
    box = await Sandbox.create({ isolation, timeoutMs: 30_000 });
  });
  afterEach(() => box.close());

  const start = async (...argv: string[]): Promise<[TerminalProcess, Screen]> => {
    const guest = await box.spawn(argv, { pty: size });
    return [guest, new Screen(guest)];
  };
  const shell = (script: string): Promise<[TerminalProcess, Screen]> => start('/bin/sh', '-c', script);

  it('is one, of the size asked for, and what a program writes comes from it', async () => {
    const [guest, screen] = await shell(
      'test -t 0 && test -t 1 && test -t 2 && stty size; echo on stderr >&2',
    );
    expect(guest.stderr).toBeNull();
    expect((await guest.exited).exitCode).toBe(0);
    await screen.ended;
    expect(screen.text).toBe('30 90\r\non stderr\r\n');
  });

  it('tells of a new size', async () => {
    const [guest, screen] = await start(
      '/usr/bin/python3',
      '-c',
      `import os, signal
print('ready', flush=True)
signal.sigwait([signal.SIGWINCH]) if signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGWINCH]) is not None else 0
print(os.get_terminal_size())`,
    );
    await screen.shows(/ready/);
    await new Promise((resolve) => setTimeout(resolve, 200));
    guest.resize(100, 40);
    await guest.exited;
    await screen.ended;
    expect(screen.text).toContain('columns=100, lines=40');
  });

  it("is the controlling terminal of the program's session, which Ctrl-C interrupts", async () => {
    const [guest, screen] = await shell('echo $$ $(ps -o sid=,tpgid= -p $$) && exec cat > /dev/null');
    await screen.shows(/\d+ +\d+ +\d+\r\n/);
    const [pid, session, foreground] = screen.text.trim().split(/\s+/);
    expect([session, foreground]).toEqual([pid, pid]);
    guest.stdin.write('\x03');
    expect(await guest.exited).toMatchObject({ exitCode: null, signal: 'SIGINT' });
  });

  it('lets a shell control its jobs', async () => {
    const guest = await box.spawn(['/bin/bash', '--norc', '-i'], {
      pty: size,
      env: { ...process.env, PS1: '> ', HISTFILE: '' },
    });
    const screen = new Screen(guest);
    await screen.shows(/> $/);
    expect(screen.text).not.toContain('no job control');
    // A Ctrl-Z before the command runs would be for the shell, which ignores it.
    const seconds = `1000${process.pid}`;
    guest.stdin.write(`sleep ${seconds}\r`);
    await until(() => processesWith(`sleep\0${seconds}`).length > 0);
    await new Promise((resolve) => setTimeout(resolve, 200));
    guest.stdin.write('\x1a');
    await screen.shows(/Stopped +sleep/);
    guest.stdin.write('kill -9 %1; wait; echo state $?\r');
    await screen.shows(/state \d+\r\n/);
    // The second time it leaves even if it has not seen yet that the job is gone (man 1 bash, exit).
    guest.stdin.write('exit 5\rexit 5\r');
    expect((await guest.exited).exitCode).toBe(5);
  });

  it('opens as /dev/tty', async () => {
    const [guest, screen] = await shell('echo through it > /dev/tty');
    expect((await guest.exited).exitCode).toBe(0);
    await screen.ended;
    expect(screen.text).toBe('through it\r\n');
  });

  it('ends its input with Ctrl-D', async () => {
    const [guest, screen] = await start('/bin/cat');
    guest.stdin.end('a line\n');
    expect((await guest.exited).exitCode).toBe(0);
    await screen.ended;
    expect(screen.text).toContain('a line\r\na line\r\n');
  });

  it('hangs up when it is destroyed', async () => {
    const [guest, screen] = await shell('echo ready; sleep 100');
    await screen.shows(/ready/);
    guest.stdin.destroy();
    expect(await guest.exited).toMatchObject({ exitCode: null, signal: 'SIGHUP' });
  });

  it('takes and gives much', async () => {
    const [guest, screen] = await start(
      '/bin/sh',
      '-c',
      'stty raw -echo; echo ready; head -c 300000 | tr x y',
    );
    await screen.shows(/ready/);
    guest.stdin.write('x'.repeat(300_000));
    await guest.exited;
    await screen.ended;
    expect(screen.text.replace(/^ready\s*/, '')).toBe('y'.repeat(300_000));
  });

  it('leaves nothing open', async () => {
    const once = async (): Promise<void> => {
      const [guest, screen] = await start('/bin/true');
      await guest.exited;
      await screen.ended;
    };
    await once();
    const before = describeFds().length;
    for (let i = 0; i < 5; i++) await once();
    await expect.poll(() => describeFds().length).toBeLessThanOrEqual(before);
  });
});

describe('options', () => {
  it.each<[string, SpawnOptions]>([
    ['options.pty', { pty: 7 as never }],
    ['options.pty.cols', { pty: { cols: 0, rows: 1 } }],
    ['options.pty.rows', { pty: { cols: 1, rows: 65_536 } }],
    ['options.pty.other', { pty: { cols: 1, rows: 1, other: 1 } as never }],
    ['options.stdio', { pty: size, stdio: 'pipe' }],
    ['options.newSession', { pty: size, newSession: false }],
  ])('%s: %j', async (path, options) => {
    await using box = await Sandbox.create({ isolation: 'none' });
    await expect(box.spawn(['/bin/true'], options)).rejects.toMatchObject({
      code: 'ERR_INVALID_OPTION',
      path,
    });
  });

  it('resize() needs a terminal and a size', async () => {
    await using box = await Sandbox.create({ isolation: 'none' });
    const plain = await box.spawn(['/bin/true']);
    expect(() => plain.resize(1, 1)).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_OPTION', path: 'options.pty' }),
    );
    const guest = await box.spawn(['/bin/true'], { pty: size });
    expect(() => guest.resize(0, 1)).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_OPTION', path: 'cols' }),
    );
    expect(() => guest.resize(1, 1.5)).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_OPTION', path: 'rows' }),
    );
    guest.stdout.resume();
  });
});
