/** No file, however wrong, does more than fail: with a clear error at start, with its errno from execve(2). */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Sandbox, SandboxError } from '../../lib/index.js';
import { exitStatus, writeHostile, writeMalformed, writeWellFormed } from './malformed-elf.js';

const dir = mkdtempSync(join(tmpdir(), 'barchan-elf-'));
const malformed = writeMalformed(dir);
const wellFormed = writeWellFormed(dir);
const hostile = writeHostile(dir);
let box: Sandbox;

beforeAll(async () => {
  box = await Sandbox.create({ isolation: 'none' });
});

afterAll(async () => {
  await box?.close();
  rmSync(dir, { recursive: true });
});

// execve(2) itself: perl's exec would hand a file with ENOEXEC to the shell.
const execEach =
  'for (@ARGV) { my $v = pack("pQ", $_, 0); my $e = pack("x8"); syscall(59, $_, $v, $e); print $!+0, "\\n" }';
const execOne = 'exec {$ARGV[0]} @ARGV; exit 1';

describe('as the first program', () => {
  it.each(malformed.filter(({ onlyExec }) => !onlyExec))('$name: refused', async ({ path, errno }) => {
    const error = await box.exec([path], { timeoutMs: 20_000 }).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(SandboxError);
    expect((error as SandboxError).code).toBe('ERR_PROGRAM_NOT_EXECUTABLE');
    expect((error as SandboxError).errno).toBe(errno);
    expect((error as SandboxError).path).toBeTruthy();
  });

  it.each(wellFormed)('$name: runs', async ({ path }) => {
    expect(await box.exec([path], { timeoutMs: 20_000 })).toMatchObject({
      exitCode: exitStatus,
      signal: null,
    });
  });

  it.each(hostile)('$name: dies alone', async ({ path }) => {
    expect(await box.exec([path], { timeoutMs: 20_000 })).toMatchObject({
      exitCode: null,
      signal: 'SIGSEGV',
    });
  });
});

describe('by execve', () => {
  it('every malformed file gives its errno, and the caller goes on', async () => {
    const paths = malformed.map(({ path }) => path);
    const { stdout, exitCode } = await box.exec(['perl', '-e', execEach, ...paths], { timeoutMs: 60_000 });
    expect(exitCode).toBe(0);
    const seen = stdout.trim().split('\n').map(Number);
    expect(Object.fromEntries(malformed.map(({ name }, i) => [name, seen[i]]))).toEqual(
      Object.fromEntries(malformed.map(({ name, errno }) => [name, errno])),
    );
  });

  it.each(wellFormed)('$name: runs', async ({ path }) => {
    const result = await box.exec(['perl', '-e', execOne, path], { timeoutMs: 20_000 });
    expect(result).toMatchObject({ exitCode: exitStatus, signal: null });
  });

  it.each(hostile)('$name: dies alone', async ({ path }) => {
    const result = await box.exec(['perl', '-e', execOne, path], { timeoutMs: 20_000 });
    expect(result).toMatchObject({ exitCode: null, signal: 'SIGSEGV' });
  });
});

describe('natively', () => {
  it.each(wellFormed)('$name: runs too', ({ path }) => {
    expect(spawnSync(path, { stdio: 'ignore' }).status).toBe(exitStatus);
  });

  it.each(hostile)('$name: dies too', ({ path }) => {
    expect(spawnSync(path, { stdio: 'ignore' }).signal).toBe('SIGSEGV');
  });
});
