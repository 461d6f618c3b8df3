/** barchan debug: Debian's gdb on programs in the guest, and the protocol below it. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, statSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { encodePacket, type Incoming, PacketReader } from '../../lib/vm/gdb-packets.js';
import { Debuggees } from '../helpers/debuggee.js';
import { needsProgram } from '../helpers/skip.js';

const programs = new Debuggees();
afterAll(() => programs.remove());
const cli = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

const started: ChildProcess[] = [];
afterEach(() => {
  for (const child of started.splice(0)) child.kill('SIGKILL');
});

interface Debugged {
  child: ChildProcess;
  /** What "target remote" takes. */
  target: string;
  output(): string;
  status: Promise<number | null>;
}

let sockets = 0;
async function debug(argv: readonly string[], listen?: string): Promise<Debugged> {
  const where = listen ?? join(programs.folder, `gdb-${sockets++}`);
  const child = spawn(process.execPath, [
    cli,
    'debug',
    '--listen',
    where,
    '--timeout',
    '50000',
    '--',
    ...argv,
  ]);
  started.push(child);
  let [out, error] = ['', ''];
  child.stdout.on('data', (chunk) => (out += chunk));
  child.stderr.on('data', (chunk) => (error += chunk));
  const status = once(child, 'close').then(([code]) => code as number | null);
  await expect.poll(() => error, { timeout: 20_000 }).toMatch(/target remote (\S+)\n/);
  const target = /target remote (\S+)/.exec(error)?.[1] as string;
  return { child, target, output: () => out, status };
}

/** What gdb says to these commands. */
function gdb(target: string, commands: readonly string[]): Promise<string> {
  const file = join(programs.folder, `commands-${sockets++}`);
  const settings = ['set pagination off', 'set debuginfod enabled off', 'set confirm off', 'set width 0'];
  writeFileSync(file, [...settings, `target remote ${target}`, ...commands, ''].join('\n'));
  return new Promise((resolve, reject) =>
    execFile('gdb', ['-nx', '-batch', '-x', file], { timeout: 50_000 }, (error, stdout, stderr) =>
      error ? reject(new Error(`gdb: ${error.message}\n${stdout}\n${stderr}`)) : resolve(stdout + stderr),
    ),
  );
}

/** A debugger that says exactly this. */
class Peer {
  readonly #socket: Socket;
  readonly #reader = new PacketReader();
  readonly #replies: string[] = [];

  constructor(target: string) {
    this.#socket = connect(target);
    this.#socket.on('data', (chunk) => {
      for (const incoming of this.#reader.take(chunk) as Iterable<Incoming>)
        if (incoming.kind === 'packet') this.#replies.push(incoming.body.toString('latin1'));
    });
  }
  send(bytes: string | Buffer): void {
    this.#socket.write(bytes);
  }
  async ask(body: string): Promise<string> {
    this.send(encodePacket(body));
    return this.reply();
  }
  async reply(): Promise<string> {
    await expect.poll(() => this.#replies.length, { timeout: 20_000 }).toBeGreaterThan(0);
    return this.#replies.shift() as string;
  }
  async close(): Promise<void> {
    this.#socket.end();
    if (!this.#socket.closed) await once(this.#socket, 'close');
  }
}

describe('gdb', () => {
  it('stops a dynamic python3 at a breakpoint, prints a back-trace, and goes on to the end', async (context) => {
    needsProgram(context, 'gdb', 'gdb');
    const code = 'import os, sys; print("pid", os.getpid() > 0); sys.exit(3)';
    const { target, output, status } = await debug(['/usr/bin/python3', '-c', code]);
    const said = await gdb(target, [
      'break getpid',
      'continue',
      'backtrace',
      'info sharedlibrary',
      'info auxv',
      'delete',
      'continue',
    ]);
    expect(said).toMatch(/Breakpoint 1.*getpid/);
    expect(said).toMatch(/#0 .*getpid/);
    expect(said).toMatch(/#\d+ .*_PyEval_EvalFrameDefault/);
    expect(said).toMatch(/#\d+ .*Py_BytesMain/);
    expect(said).toMatch(/#\d+ .*__libc_start_main/);
    expect(said).toMatch(/Yes.*\/lib\/x86_64-linux-gnu\/libc.so.6/);
    expect(said).toMatch(/AT_ENTRY/);
    expect(said).toContain('exited with code 03');
    expect(await status).toBe(3);
    expect(output()).toBe('pid True\n');
  });

  it.each(['dynamic', 'fixed'] as const)('shows the threads of a program (%s)', async (kind) => {
    const { target, output, status } = await debug([programs[kind].path, 'threads']);
    const said = await gdb(target, [
      'break ready',
      'continue',
      'info threads',
      'thread apply all backtrace 3',
      'stepi',
      'print failures',
      'set var stop = 1',
      'delete',
      'continue',
    ]);
    expect(said).toMatch(/hit Breakpoint 1, ready/);
    expect(said.match(/Thread \d+ \(Thread \d+/g)).toHaveLength(6);
    expect(said).toMatch(/#\d .*spin \(arg=/);
    expect(said).toContain('exited normally');
    expect(await status).toBe(0);
    expect(output()).toBe('total 12 failures 0\n');
  });

  it('watches memory, sets hardware breakpoints, calls functions, changes variables', async () => {
    const { target, output, status } = await debug([programs.fixed.path, 'sum']);
    const said = await gdb(target, [
      'hbreak add',
      'continue',
      'print $ymm0.v8_int32',
      'delete',
      'watch counter',
      'continue',
      'continue',
      'delete',
      'print add(20, 30)',
      'print counter',
      'continue',
    ]);
    expect(said).toMatch(/Hardware assisted breakpoint 1/);
    expect(said).toMatch(/Breakpoint 1, .*add \(a=.*0, b=.*0\)/);
    expect(said).toMatch(/\$1 = \{/);
    expect(said).toMatch(/Old value = 0\nNew value = 1/);
    expect(said).toMatch(/Old value = 1\nNew value = 4/);
    expect(said).toContain('$2 = 50\n$3 = 54');
    expect(said).toContain('exited with code 07');
    expect(await status).toBe(7);
    expect(output()).toBe('sum 3\n');
  });

  it('catches system calls, signals and an exec', async () => {
    const { target, status } = await debug([programs.fixed.path, 'exec']);
    const said = await gdb(target, [
      'catch syscall write',
      'catch exec',
      'continue',
      'continue',
      'continue',
      'delete',
      'continue',
    ]);
    expect(said).toMatch(/Catchpoint 2 \(exec'd .*fixed\)/);
    expect(said).toMatch(/call to syscall write/);
    expect(said).toMatch(/returned from syscall write/);
    expect(await status).toBe(7);

    const faulty = await debug([programs.fixed.path, 'fault']);
    const told = await gdb(faulty.target, ['continue', 'continue']);
    expect(told).toContain('Program received signal SIGSEGV');
    expect(told).toContain('exited with code 04');
    expect(await faulty.status).toBe(4);
  });
});

describe('the stub', () => {
  it('listens on a socket that only this user can open, or a port of this machine', async () => {
    const { target, child, status } = await debug([programs.fixed.path, 'sum']);
    expect(statSync(target).mode & 0o777).toBe(0o600);
    child.kill('SIGTERM');
    await status;
    expect(existsSync(target)).toBe(false);
    const port = await debug([programs.fixed.path, 'sum'], '0');
    expect(port.target).toMatch(/^localhost:\d+$/);
  });

  it('interrupts what runs, is detached, and survives packets that are none', async () => {
    const { target, status, output } = await debug([programs.dynamic.path, 'threads']);
    const peer = new Peer(target);
    peer.send('$$$#00+++#\x01$nonsense#ff');
    expect(await peer.ask('qSupported:multiprocess+')).toMatch(/PacketSize=/);
    expect(await peer.ask('?')).toMatch(/^T05thread:[0-9a-f]+;$/);
    for (const bad of [
      'm',
      'mx,y',
      'M0',
      'P',
      'Pffff=00',
      'Z0',
      'Z9,0,1',
      'Hgxyz',
      'vCont;q',
      'qXfer:auxv:read::z,1',
      'G00',
      'T',
    ])
      expect(await peer.ask(bad), bad).toMatch(/^(E..)?$/);
    expect(await peer.ask('m8,8')).toBe('E0e');
    peer.send(encodePacket('vCont;c'));
    peer.send('\x03');
    expect(await peer.reply()).toMatch(/^T02thread:[0-9a-f]+;$/);
    const at = programs.dynamic.symbol('stop').toString(16);
    expect(await peer.ask(`M${at},4:01000000`)).toBe('OK');
    expect(await peer.ask('D')).toBe('OK');
    await peer.close();
    expect(await status).toBe(0);
    expect(output()).toMatch(/^total \d+ failures 0\n$/);
  });

  it('lets another debugger take over', async () => {
    const { target, status } = await debug([programs.fixed.path, 'threads']);
    const first = new Peer(target);
    expect(await first.ask('?')).toMatch(/^T05/);
    first.send(encodePacket('vCont;c'));
    await first.close();
    const second = new Peer(target);
    expect(await second.ask('?')).toMatch(/^T02/);
    second.send(encodePacket('vKill;1'));
    expect(await status).not.toBe(0);
  });
});
