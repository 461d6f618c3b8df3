/** barchan/harness/vitest: each matcher passes and fails, with and without `not`, and says why. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { matchBehaviour } from '../../lib/harness/match-behaviour.js';
import type { Verdict } from '../../lib/harness/verdict.js';
import '../../lib/harness/vitest.js';
import { verdict } from '../helpers/verdict.js';

const folder = mkdtempSync(join(tmpdir(), 'barchan-matchers-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const incomplete = { complete: false, missing: { dropped: 3, lost: 0, malformed: 0 } };
const file = (path: string, ...uses: Verdict['files'][number]['uses']): Verdict['files'][number] => ({
  path,
  uses,
  calls: 1,
  failures: 0,
  errors: [],
});
const socket = (address: Verdict['sockets'][number]['address']): Verdict['sockets'][number] => ({
  use: 'connect',
  address,
  calls: 0,
  failures: 1,
  errors: ['ENETUNREACH'],
});
const call = (name: string, calls: number): Verdict['syscalls'][number] => ({
  name,
  calls,
  failures: 0,
  firstMs: 7,
});

/** The message with which `assertion` fails. */
function failure(assertion: () => void): string {
  try {
    assertion();
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('it did not fail');
}

it('refuse what is no verdict', () => {
  for (const value of [undefined, {}, Promise.resolve(verdict())])
    expect(failure(() => expect(value).toBeContained())).toContain('harness.run');
  expect(failure(() => expect('text').not.toMakeNoNetworkAttempt())).toContain('not given a verdict');
});

describe('toBeContained', () => {
  it('passes and fails', () => {
    expect(verdict()).toBeContained();
    const broken = verdict({
      contained: false,
      attempts: [
        { name: 'read the \u001b[31mhost', stopped: undefined },
        { name: 'write', stopped: 'EPERM' },
      ],
      reached: ['a file of the host was changed'],
      evidence: [
        { layer: 'seccomp', kind: 'breach', text: 'The monitor made a forbidden call', atMs: undefined },
      ],
    });
    expect(broken).not.toBeContained();
    const message = failure(() => expect(broken).toBeContained());
    expect(message).toContain('These attempts worked:\n  read the \\u{1b}[31mhost');
    expect(message).not.toContain('write');
    expect(message).toContain('a file of the host was changed');
    expect(message).toContain('forbidden call');
    expect(failure(() => expect(verdict()).not.toBeContained())).toContain('nothing that it tried worked');
    expect(verdict({ contained: undefined })).not.toBeContained();
    expect(failure(() => expect(verdict({ contained: undefined })).toBeContained())).toContain(
      'without isolation',
    );
  });
});

describe('toBeStoppedBy', () => {
  const stopped = verdict({
    stoppedBy: 'policy',
    evidence: [{ layer: 'policy', kind: 'denied', text: 'mount() = -1 EPERM', atMs: 4 }],
  });
  it('passes and fails', () => {
    expect(stopped).toBeStoppedBy('policy');
    expect(stopped).not.toBeStoppedBy('ept');
    expect(verdict()).not.toBeStoppedBy('kernel');
    const message = failure(() => expect(stopped).toBeStoppedBy('gate'));
    expect(message).toContain('to be stopped by gate, but policy did');
    expect(message).toContain('policy (denied): mount() = -1 EPERM');
    expect(failure(() => expect(stopped).not.toBeStoppedBy('policy'))).toContain('mount()');
    expect(failure(() => expect(verdict()).toBeStoppedBy('gate'))).toContain('no layer stopped it');
    const powerless = verdict({ failedControls: ['open ENOENT'] });
    expect(failure(() => expect(powerless).toBeStoppedBy('gate'))).toContain('open ENOENT');
  });
  it('refuses what is no layer', () => {
    expect(failure(() => expect(stopped).not.toBeStoppedBy('firewall' as 'gate'))).toContain('is no layer');
  });
});

describe('toOnlyTouch', () => {
  const touching = verdict({
    files: [
      file('/tmp/a/b', 'written', 'created'),
      file('/etc/passwd', 'read'),
      file('/dev/null', 'written'),
      file('/never', ...[]),
    ],
  });
  it('passes and fails', () => {
    expect(touching).toOnlyTouch('/tmp/**');
    expect(touching).toOnlyTouch(['/tmp/*/b']);
    expect(touching).not.toOnlyTouch(['/tmp/*', '/tmp/**/c', '/tmp/a/?b', '/TMP/**', '/tmp/a.b']);
    expect(touching).toOnlyTouch('/tmp/**', { reads: ['/etc/*'] });
    expect(touching).not.toOnlyTouch('/tmp/**', { reads: '/usr/**' });
    const message = failure(() => expect(touching).toOnlyTouch('/var/**'));
    expect(message).toContain('/tmp/a/b (written, created)');
    expect(message).not.toContain('passwd');
    expect(failure(() => expect(touching).not.toOnlyTouch('/tmp/**'))).toContain('but it did not');
    expect(failure(() => expect(touching).toOnlyTouch('/tmp/**', { reads: [] }))).toContain(
      '/etc/passwd (read)',
    );
  });
  it('sees what was dropped and deleted without a name in a call', () => {
    const dropped = {
      change: 'created',
      kind: 'file',
      mode: 0o644,
      size: 0,
      sha256: '',
      bytes: '',
      truncated: false,
    };
    expect(
      verdict({ dropped: [{ path: '/opt/x', ...dropped } as Verdict['dropped'][number]] }),
    ).not.toOnlyTouch('/tmp/**');
    expect(verdict({ deleted: ['/etc/hostname'] })).not.toOnlyTouch('/tmp/**');
    expect(verdict({ deleted: ['/etc/hostname'] })).toOnlyTouch('/etc/hostname');
  });
  it('takes patterns for what they are', () => {
    const one = verdict({ deleted: ['/a/.*(x)+'] });
    expect(one).toOnlyTouch('/a/.*(x)+');
    expect(one).toOnlyTouch('/a/**');
    expect(one).toOnlyTouch('**');
    expect(one).not.toOnlyTouch('/b.*');
    expect(verdict({ deleted: ['/a'] })).toOnlyTouch('/a/**');
    expect(verdict({ deleted: ['/ab'] })).not.toOnlyTouch('/a/**');
    expect(verdict({ deleted: ['/a\n/tmp/x'] })).not.toOnlyTouch('/tmp/*');
  });
  it('does not take missing events for innocence', () => {
    const unsure = verdict({ ...incomplete, files: touching.files });
    expect(failure(() => expect(unsure).toOnlyTouch('/tmp/**'))).toContain('3 events dropped');
    expect(failure(() => expect(unsure).not.toOnlyTouch('/tmp/**'))).toContain('not complete');
    expect(unsure).not.toOnlyTouch('/var/**');
    expect(failure(() => expect(verdict({ omitted: 1 })).toOnlyTouch('**'))).toContain('1 entries left out');
  });
});

describe('toUseNoMoreThan', () => {
  const calling = verdict({ syscalls: [call('read', 10), call('write', 3)] });
  it('passes and fails', () => {
    expect(calling).toUseNoMoreThan(['read', 'write', 'exit']);
    expect(calling).toUseNoMoreThan({ read: 10, write: 3 });
    expect(calling).not.toUseNoMoreThan({ read: 9, write: 3 });
    expect(calling).not.toUseNoMoreThan(['read']);
    expect(failure(() => expect(calling).toUseNoMoreThan(['read']))).toContain(
      'write: 3 calls, the first after 7 ms',
    );
    expect(failure(() => expect(calling).toUseNoMoreThan({ read: 2, write: 9 }))).toContain(
      'read: 10 calls, at most 2 expected',
    );
    expect(failure(() => expect(calling).not.toUseNoMoreThan(['read', 'write']))).toContain(
      'it did not: read, write',
    );
    expect(failure(() => expect(calling).toUseNoMoreThan(['raed' as 'read']))).toContain(
      '"raed" is no system call',
    );
    expect(verdict({ syscalls: [call('syscall_0x999', 1)] })).not.toUseNoMoreThan(['read']);
  });
  it('knows what it does not know', () => {
    const flood = verdict({ complete: false, syscalls: [{ ...call('read', 100), atLeast: true }] });
    expect(flood).toUseNoMoreThan(['read']);
    expect(flood).not.toUseNoMoreThan({ read: 99 });
    expect(failure(() => expect(flood).toUseNoMoreThan({ read: 100 }))).toContain('keep.calls');
    expect(failure(() => expect(verdict(incomplete)).toUseNoMoreThan([]))).toContain('not complete');
  });
});

describe('toMakeNoNetworkAttempt', () => {
  it('passes and fails', () => {
    const unix = socket({ family: 'AF_UNIX', path: '/var/run/nscd/socket', abstract: false });
    expect(verdict({ sockets: [unix, socket({ family: 'AF_NETLINK' })] })).toMakeNoNetworkAttempt();
    const inet = verdict({ sockets: [socket({ family: 'AF_INET', address: '192.0.2.1', port: 443 })] });
    expect(inet).not.toMakeNoNetworkAttempt();
    expect(failure(() => expect(inet).toMakeNoNetworkAttempt())).toContain(
      'connect 192.0.2.1:443 (ENETUNREACH)',
    );
    expect(failure(() => expect(verdict()).not.toMakeNoNetworkAttempt())).toContain('made none');
    const name = { name: 'evil.test', type: 'A', answer: undefined, calls: 1, firstMs: 1 };
    expect(verdict({ names: [name] })).not.toMakeNoNetworkAttempt();
    expect(verdict({ sockets: [socket({ family: 'AF_PACKET' })] })).not.toMakeNoNetworkAttempt();
    const refusal = { verdict: 'deny', errno: 'EPERM', atMs: 1, pid: 2, calls: 1 } as const;
    const denied = { ...refusal, syscall: 'socket', text: 'socket(AF_INET, SOCK_RAW, 1) = -1 EPERM' };
    expect(verdict({ denied: [denied] })).not.toMakeNoNetworkAttempt();
    const local = { ...refusal, syscall: 'socket', text: 'socket(AF_UNIX, SOCK_STREAM, 0) = -1 EPERM' };
    expect(verdict({ denied: [local] })).toMakeNoNetworkAttempt();
    expect(failure(() => expect(verdict(incomplete)).toMakeNoNetworkAttempt())).toContain('not complete');
  });
});

describe('toMatchBehaviour', () => {
  const usual = verdict({
    programs: [{ atMs: 1, pid: 4711, path: '/usr/bin/cc', argv: ['cc', '-o', '/tmp/ccAb12Xy.o'] }],
    files: [
      file('/proc/4711/maps', 'read'),
      file('/tmp/tmp.8aBcDeFgHi/x', 'written'),
      file('/etc/hosts', 'read'),
    ],
    syscalls: [call('read', 4), call('futex', 1)],
    executable: [
      {
        syscall: 'mmap',
        address: '0x7f0012345000',
        bytes: 4096,
        writable: false,
        anonymous: false,
        errno: undefined,
        pid: 1,
        atMs: 1,
        count: 1,
      },
    ],
  });
  const again = verdict({
    ...usual,
    durationMs: 99,
    programs: [{ atMs: 5, pid: 13, path: '/usr/bin/cc', argv: ['cc', '-o', '/tmp/ccZz99Qq.o'] }],
    files: [
      file('/etc/hosts', 'read'),
      file('/proc/13/maps', 'read'),
      file('/tmp/tmp.QrStUvWxYz/x', 'written'),
    ],
    syscalls: [call('madvise', 9), call('read', 1)],
  });
  const upgraded = verdict({
    ...again,
    programs: [
      ...again.programs,
      { atMs: 6, pid: 14, path: '/usr/bin/curl', argv: ['curl', 'https://evil.test'] },
    ],
    sockets: [socket({ family: 'AF_INET', address: '192.0.2.1', port: 443 })],
    syscalls: [call('read', 1), call('ptrace', 1)],
    files: [file('/root/.ssh/id_\u202ersa', 'read'), ...again.files.slice(1)],
  });
  const context = {
    isNot: false,
    testPath: join(folder, 'some.test.ts'),
    currentTestName: 'a > b/../c',
    snapshotState: {},
  };
  const mode = (word: 'all' | 'new' | 'none', isNot = false) => ({
    ...context,
    isNot,
    snapshotState: { _updateSnapshot: word },
  });

  it('stores a profile, and sees through what chance decides', () => {
    const stored = join(folder, '__behaviour__/some.test.ts/a-b-c.json');
    expect(() => matchBehaviour(mode('none'), usual)).toThrow(/There is no profile/);
    expect(() => matchBehaviour(mode('new', true), usual)).toThrow(/There is no profile/);
    expect(existsSync(stored)).toBe(false);
    expect(matchBehaviour(mode('new'), usual).pass).toBe(true);
    expect(JSON.parse(readFileSync(stored, 'utf8'))).toMatchObject({
      barchanBehaviour: 1,
      exit: ['status 0'],
      programs: ['/usr/bin/cc -o /tmp/ccRANDOM.o'],
      read: ['/etc/hosts', '/proc/PID/maps'],
      written: ['/tmp/tmp.RANDOM/x'],
      syscalls: ['read'],
      executable: ['mmap file'],
    });
    expect(matchBehaviour(mode('none'), again).pass).toBe(true);
    expect(() => matchBehaviour(mode('none'), again, 'other name')).toThrow(/a-b-c-other-name\.json/);
  });

  it('tells what is new and what is gone, and can be told to take it', () => {
    const file = join(folder, 'profile.json');
    expect(matchBehaviour(mode('new'), usual, { file }).pass).toBe(true);
    expect(usual).toMatchBehaviour({ file });
    expect(again).toMatchBehaviour({ file });
    expect(upgraded).not.toMatchBehaviour({ file });
    const message = failure(() => expect(upgraded).toMatchBehaviour({ file }));
    expect(message).toContain('4 new (+), 1 gone (-)');
    expect(message).toContain('programs:\n  + /usr/bin/curl https://evil.test');
    expect(message).toContain('network:\n  + connect 192.0.2.1:443');
    expect(message).toContain('syscalls:\n  + ptrace');
    expect(message).toContain('+ /root/.ssh/id_\\u{202e}rsa\n  - /etc/hosts');
    expect(message).toContain('vitest -u');
    expect(failure(() => expect(again).not.toMatchBehaviour({ file }))).toContain('nothing is new');
    const less = verdict({ ...again, files: [] });
    expect(less).toMatchBehaviour({ file });
    expect(less).not.toMatchBehaviour({ file, exact: true });
    expect(matchBehaviour(mode('all'), upgraded, { file }).pass).toBe(true);
    expect(upgraded).toMatchBehaviour({ file, exact: true });
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that there are none.
    expect(readFileSync(file, 'utf8')).toMatch(/^[\x00-\x7f]*$/);
  });

  it('takes what else differs from run to run', () => {
    const file = join(folder, 'normalised.json');
    const options = { file, normalise: [[/build-\w+/g, 'build-ID']] as const };
    const one = (name: string): Verdict => verdict({ deleted: [`/opt/build-${name}/x`] });
    expect(matchBehaviour(mode('new'), one('abc'), options).pass).toBe(true);
    expect(one('xyz')).toMatchBehaviour(options);
    expect(one('xyz')).not.toMatchBehaviour({ file });
  });

  it('refuses profiles that are none, and verdicts that are not complete', () => {
    const file = join(folder, 'broken.json');
    for (const text of ['', '{}', 'null', '{"barchanBehaviour":1,"exit":"0"}']) {
      writeFileSync(file, text);
      expect(failure(() => expect(usual).toMatchBehaviour({ file }))).toContain('cannot be used');
    }
    expect(matchBehaviour(mode('all'), usual, { file }).pass).toBe(true);
    const unsure = verdict({ ...usual, ...incomplete });
    expect(failure(() => expect(unsure).toMatchBehaviour({ file }))).toContain('not complete');
    expect(() => matchBehaviour(mode('all'), unsure, { file })).toThrow(/stores no profile/);
    expect(() => matchBehaviour({ isNot: false }, usual)).toThrow(/give it a file/);
  });
});
