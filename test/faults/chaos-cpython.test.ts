/**
 * CPython's own tests of os while one call of a hundred is interrupted and one read of twenty is short. What they find is theirs;
 * that they come to their end, and with them the monitors, is ours.
 */
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { Chaos, Sandbox } from '../../lib/index.js';
import { python3, testSuite } from '../helpers/cpython.js';
import { temporaryFolder } from '../helpers/programs.js';
import { requires } from '../helpers/skip.js';

const folder = temporaryFolder('chaos-cpython');
const timeoutMs = 240_000;
const slow = ['*many_open_files*', '*fd_leak*', '*ForkTests*'];

it(
  'test_os comes to its end',
  async (context) => {
    requires(context, existsSync(testSuite), 'Debian package libpython3.11-testsuite is not installed');
    const cwd = join(folder, 'test_os');
    mkdirSync(cwd);
    const chaos = new Chaos({ seed: 1 })
      .preset('eintr')
      .fail(['read', 'write', 'openat'], { errno: 'EINTR', probability: 0.01 })
      .shorten(['read', 'readv', 'preadv2', 'recvfrom', 'recvmsg'], { probability: 0.05 });
    await using box = await Sandbox.create({ isolation: 'none', chaos, events: { backpressure: 'block' } });
    const counts: Record<string, number> = {};
    box.on('injection', ({ action }) => {
      counts[action] = (counts[action] ?? 0) + 1;
    });
    const ignored = slow.flatMap((pattern) => ['-i', pattern]);
    const argv = [python3, '-m', 'test', '-v', '--tempdir', cwd, ...ignored, 'test_os'];
    // A monitor that fails rejects this, with ERR_MONITOR_...
    const { exitCode, signal, timedOut, stdout, stderr } = await box.exec(argv, { cwd, timeoutMs });
    const end = `${stdout.slice(-2000)}${stderr.slice(-2000)}`;
    expect({ signal, timedOut }, end).toEqual({ signal: null, timedOut: false });
    // 2: a test has found something, as well it may.
    expect([0, 2], end).toContain(exitCode);
    expect(Number(/^Ran (\d+) tests/m.exec(stdout + stderr)?.[1]), end).toBeGreaterThan(250);
    expect(counts.fail).toBeGreaterThan(20);
    expect(counts.shorten).toBeGreaterThan(20);
  },
  2 * timeoutMs,
);
