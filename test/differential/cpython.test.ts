/**
 * CPython's own regression tests: every single test ends under Barchan as it does natively. The slow part of the
 * modules, and more modules, take an hour under Barchan: BARCHAN_LONG_TESTS=1 runs them too.
 */
import { existsSync } from 'node:fs';
import { describe, it } from 'vitest';
import { expectSameVerdicts, testSuite } from '../helpers/cpython.js';
import { temporaryFolder } from '../helpers/programs.js';
import { requires } from '../helpers/skip.js';

const folder = temporaryFolder('cpython');

interface Module {
  name: string;
  ignored?: string[]; // patterns of names: slow tests, as they fork or call often, or wait for long
}

const quick: Module[] = [
  { name: 'test_fcntl' },
  { name: 'test_mmap' },
  { name: 'test_select', ignored: ['*returned_list_identity*'] },
  { name: 'test_pty' },
  { name: 'test_posix' },
  { name: 'test_os', ignored: ['*many_open_files*', '*fd_leak*', '*ForkTests*'] },
  { name: 'test_signal', ignored: ['*Stress*', '*Siginterrupt*', '*itimer_virtual*', '*itimer_prof*'] },
];

const long: Module[] = [
  ...quick.map(({ name }) => ({ name })),
  { name: 'test_asyncio' },
  { name: 'test_eintr' },
  { name: 'test_epoll' },
  { name: 'test_faulthandler' },
  { name: 'test_multiprocessing_fork' },
  { name: 'test_multiprocessing_spawn' },
  { name: 'test_socket', ignored: ['*VSOCK*'] }, // natively it hangs where the host has no peer
  { name: 'test_subprocess' },
  { name: 'test_tempfile' },
  { name: 'test_threading' },
  { name: 'test_wait4' },
];

const all = process.env.BARCHAN_LONG_TESTS === '1';
const timeoutMs = all ? 1_200_000 : 150_000;

describe('every test of CPython ends as it does natively', () => {
  for (const { name, ignored } of all ? long : quick) {
    it(
      name,
      (context) => {
        requires(context, existsSync(testSuite), 'Debian package libpython3.11-testsuite is not installed');
        return expectSameVerdicts(name, folder, { ignored, timeoutMs });
      },
      2 * timeoutMs,
    );
  }
});
