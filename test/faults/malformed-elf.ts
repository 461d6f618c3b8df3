/**
 * Programs that are wrong in one way each: a small valid ELF file, made here byte by byte, and the ways to
 * break it. Nothing needs a compiler, so the files are the same everywhere.
 */
import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export const errno = { ENOENT: 2, ENOEXEC: 8, ENOMEM: 12, EACCES: 13, ELOOP: 40, ELIBBAD: 80 } as const;

/** What the valid file does. */
export const exitStatus = 42;

const header = 64;
const entrySize = 56;
const PT_LOAD = 1;
const PT_INTERP = 3;
const PT_GNU_STACK = 0x6474e551;
const ET_EXEC = 2;
const ET_DYN = 3;
const all = 0xffff_ffff_ffff_ffffn;
const arenaEnd = 0x680000000000n;

// Offsets in the file header and in a program header (man 5 elf).
const ehdr = {
  class: 4,
  data: 5,
  type: 16,
  machine: 18,
  entry: 24,
  phoff: 32,
  shoff: 40,
  phentsize: 54,
  phnum: 56,
};
const phdr = { type: 0, flags: 4, offset: 8, vaddr: 16, paddr: 24, filesz: 32, memsz: 40, align: 48 };

/** An ELF file under construction. Program headers: 0 code, 1 data and bss, 2 stack, 3 the interpreter or unused. */
export class Elf {
  bytes: Buffer;

  constructor(type: number = ET_EXEC, interpreter?: string) {
    this.bytes = Buffer.alloc(0x1200);
    const base = type === ET_EXEC ? 0x400000n : 0n;
    this.bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
    this.u16(ehdr.type, type);
    this.u16(ehdr.machine, 62);
    this.bytes.writeUInt32LE(1, 20);
    this.u64(ehdr.entry, base + 0x1000n);
    this.u64(ehdr.phoff, BigInt(header));
    this.u16(52, header);
    this.u16(ehdr.phentsize, entrySize);
    this.u16(ehdr.phnum, interpreter === undefined ? 3 : 4);
    this.segment(0, PT_LOAD, 5, 0n, base, 0x1100n, 0x1100n);
    this.segment(1, PT_LOAD, 6, 0x1100n, base + 0x2100n, 0x100n, 0x2000n);
    this.segment(2, PT_GNU_STACK, 6, 0n, 0n, 0n, 0n);
    if (interpreter !== undefined) {
      const name = Buffer.from(`${interpreter}\0`);
      this.bytes.set(name, 0x400);
      this.segment(3, PT_INTERP, 4, 0x400n, base + 0x400n, BigInt(name.length), BigInt(name.length));
    }
    // mov edi, 42; mov eax, 60 (exit); syscall
    this.bytes.set([0xbf, exitStatus, 0, 0, 0, 0xb8, 60, 0, 0, 0, 0x0f, 0x05], 0x1000);
  }

  u8(at: number, value: number): this {
    this.bytes.writeUInt8(value, at);
    return this;
  }

  u16(at: number, value: number): this {
    this.bytes.writeUInt16LE(value, at);
    return this;
  }

  u64(at: number, value: bigint): this {
    this.bytes.writeBigUInt64LE(value, at);
    return this;
  }

  /** Overwrites a field of program header `index`. */
  set(index: number, field: keyof typeof phdr, value: bigint): this {
    const at = header + index * entrySize + phdr[field];
    if (field === 'type' || field === 'flags') this.bytes.writeUInt32LE(Number(value), at);
    else this.u64(at, value);
    return this;
  }

  segment(
    i: number,
    type: number,
    flags: number,
    offset: bigint,
    vaddr: bigint,
    filesz: bigint,
    memsz: bigint,
  ): this {
    this.set(i, 'type', BigInt(type)).set(i, 'flags', BigInt(flags)).set(i, 'offset', offset);
    this.set(i, 'vaddr', vaddr).set(i, 'paddr', vaddr).set(i, 'filesz', filesz).set(i, 'memsz', memsz);
    return this.set(i, 'align', 0x1000n);
  }

  cut(size: number): this {
    this.bytes = this.bytes.subarray(0, size);
    return this;
  }
}

export interface Case {
  name: string;
  path: string;
  /** What execve(2) answers, and the errno of the SandboxError. */
  errno: number;
  /** As a first program it is refused in JavaScript, before a monitor sees it. */
  onlyExec?: boolean;
}

const elf = (break_: (file: Elf) => Elf) => () => break_(new Elf()).bytes;
const text = (content: string) => () => Buffer.from(content, 'latin1');
const withInterpreter =
  (name: string, type = ET_EXEC) =>
  () =>
    new Elf(type, name).bytes;

const malformed: [name: string, content: (dir: string) => Buffer, errno?: number][] = [
  ['zero bytes', text('')],
  ['one byte', text('\x7f')],
  ['four bytes', elf((f) => f.cut(4))],
  ['garbage', text('This is no program.\n')],
  ['all NUL', () => Buffer.alloc(4096)],
  ['all ones', () => Buffer.alloc(4096, 0xff)],
  ['cut in the file header', elf((f) => f.cut(40))],
  ['cut one byte before the end of the file header', elf((f) => f.cut(header - 1))],
  ['cut after the file header', elf((f) => f.cut(header))],
  ['cut in the program headers', elf((f) => f.cut(header + 100))],
  ['cut after the program headers', elf((f) => f.cut(header + 3 * entrySize))],
  ['cut in the code', elf((f) => f.cut(0x1006))],
  ['cut in the data', elf((f) => f.cut(0x11ff))],
  ['a shell, first half', () => half('/bin/sh')],
  ['class 32', elf((f) => f.u8(ehdr.class, 1))],
  ['class 0', elf((f) => f.u8(ehdr.class, 0))],
  ['big-endian', elf((f) => f.u8(ehdr.data, 2))],
  ['machine i386', elf((f) => f.u16(ehdr.machine, 3))],
  ['machine aarch64', elf((f) => f.u16(ehdr.machine, 183))],
  ['type relocatable', elf((f) => f.u16(ehdr.type, 1))],
  ['type core', elf((f) => f.u16(ehdr.type, 4))],
  ['type 0xffff', elf((f) => f.u16(ehdr.type, 0xffff))],
  ['phnum 0', elf((f) => f.u16(ehdr.phnum, 0))],
  ['phnum 65535', elf((f) => f.u16(ehdr.phnum, 0xffff))],
  ['phnum past the end of the file', elf((f) => f.u16(ehdr.phnum, 90))],
  ['phentsize 0', elf((f) => f.u16(ehdr.phentsize, 0))],
  ['phentsize 32', elf((f) => f.u16(ehdr.phentsize, 32))],
  ['phentsize 65535', elf((f) => f.u16(ehdr.phentsize, 0xffff))],
  ['phoff past the end', elf((f) => f.u64(ehdr.phoff, 0x100000n))],
  ['phoff wraps', elf((f) => f.u64(ehdr.phoff, all - 8n))],
  ['phoff negative', elf((f) => f.u64(ehdr.phoff, 1n << 63n))],
  ['nothing to load', elf((f) => f.set(0, 'type', 0n).set(1, 'type', 0n))],
  ['filesz greater than memsz', elf((f) => f.set(1, 'memsz', 0xffn))],
  ['filesz without memsz', elf((f) => f.set(1, 'memsz', 0n))],
  ['filesz wraps', elf((f) => f.set(1, 'filesz', all).set(1, 'memsz', all))],
  ['memsz wraps', elf((f) => f.set(1, 'memsz', all - 0x402000n))],
  ['memsz of the whole address space', elf((f) => f.set(1, 'memsz', 1n << 47n))],
  ['empty segment of the kernel', elf((f) => f.segment(2, PT_LOAD, 6, all, all, 0n, 0n))],
  ['offset past the end', elf((f) => f.set(1, 'offset', 0x100100n))],
  ['offset wraps', elf((f) => f.set(1, 'offset', all - 0xfffn + 0x100n))],
  ['offset and address differ in the page', elf((f) => f.set(1, 'offset', 0x10f8n))],
  ['segments overlap', elf((f) => f.set(1, 'vaddr', 0x400100n))],
  ['the same segment twice', elf((f) => f.segment(2, PT_LOAD, 5, 0n, 0x400000n, 0x1100n, 0x1100n))],
  ['address 0', elf((f) => f.set(0, 'vaddr', 0n).u64(ehdr.entry, 0x1000n))],
  ['address below 64 KiB', elf((f) => f.set(0, 'vaddr', 0x8000n).u64(ehdr.entry, 0x9000n))],
  ['address at the end of the arena', elf((f) => f.set(1, 'vaddr', arenaEnd - 0x1000n + 0x100n))],
  ['address in monitor memory', elf((f) => f.set(1, 'vaddr', arenaEnd + 0x100n))],
  ['address in the system region', elf((f) => f.set(1, 'vaddr', 0x7e00_0000_0100n))],
  ['address not canonical', elf((f) => f.set(1, 'vaddr', 0x8000_0000_0100n))],
  ['address of the kernel', elf((f) => f.set(1, 'vaddr', 0xffff_ffff_8100_0100n))],
  ['alignment 3', elf((f) => f.set(0, 'align', 3n))],
  ['alignment 2^63', elf((f) => f.set(0, 'align', 1n << 63n))],
  ['position-independent with alignment 2^40', () => new Elf(ET_DYN).set(0, 'align', 1n << 40n).bytes],
  ['position-independent and too long', () => new Elf(ET_DYN).set(1, 'memsz', arenaEnd - 0x3000n).bytes],
  ['entry 0', elf((f) => f.u64(ehdr.entry, 0n))],
  ['entry behind the program', elf((f) => f.u64(ehdr.entry, 0x500000n))],
  ['entry in monitor memory', elf((f) => f.u64(ehdr.entry, 0x7e00_0000_0000n))],
  ['entry not canonical', elf((f) => f.u64(ehdr.entry, 1n << 63n))],
  ['interpreter missing', withInterpreter('/nonexistent/ld.so'), errno.ENOENT],
  ['interpreter empty', withInterpreter('', ET_DYN), errno.ENOEXEC],
  ['interpreter begins with NUL', () => new Elf(ET_EXEC, '\0abc').bytes, errno.EACCES],
  ['interpreter unterminated', () => new Elf(ET_EXEC, '/lib64/ld.so').set(3, 'filesz', 12n).bytes],
  ['interpreter of one byte', () => new Elf(ET_EXEC, 'x').set(3, 'filesz', 1n).bytes],
  ['interpreter longer than a path', () => new Elf(ET_EXEC, 'x').set(3, 'filesz', 4097n).bytes],
  ['interpreter of 2^63 bytes', () => new Elf(ET_EXEC, 'x').set(3, 'filesz', 1n << 63n).bytes],
  ['interpreter past the end', () => new Elf(ET_EXEC, 'x').set(3, 'offset', 0x11ffn).bytes],
  ['interpreter offset wraps', () => new Elf(ET_EXEC, 'x').set(3, 'offset', all).bytes],
  ['interpreter is a directory', withInterpreter('/usr'), errno.EACCES],
  ['interpreter is a device', withInterpreter('/dev/null'), errno.EACCES],
  ['interpreter is not executable', withInterpreter('/etc/passwd'), errno.EACCES],
  ['interpreter is a script', (dir) => new Elf(ET_EXEC, join(dir, 'valid-script')).bytes, errno.ELIBBAD],
  ['interpreter is malformed', (dir) => new Elf(ET_EXEC, join(dir, 'alignment-3')).bytes, errno.ELIBBAD],
  [
    'interpreter is for another machine',
    (dir) => new Elf(ET_EXEC, join(dir, 'machine-i386')).bytes,
    errno.ELIBBAD,
  ],
  ['script without interpreter', text('#!\n/bin/sh\n')],
  ['script with blanks only', text(`#!${' '.repeat(400)}`)],
  ['script that is two bytes', text('#!'), errno.EACCES],
  ['script whose interpreter may be cut off', text(`#!/${'x'.repeat(300)}\n`)],
  ['script with a missing interpreter', text('#! /nonexistent/sh -e\n'), errno.ENOENT],
  ['script with a carriage return', text('#!/bin/sh\r\necho\r\n'), errno.ENOENT],
  ['script with a directory', text('#!/usr\n'), errno.EACCES],
  ['script whose interpreter is garbage', (dir) => Buffer.from(`#!${join(dir, 'garbage')}\n`)],
  [
    'script that interprets itself',
    (dir) => Buffer.from(`#!${join(dir, 'script-that-interprets-itself')}\n`),
    errno.ELOOP,
  ],
  [
    'script of a script of a script, 6 deep',
    (dir) => Buffer.from(`#!${join(dir, 'chain-5')}\n`),
    errno.ELOOP,
  ],
];

const wellFormed: [name: string, content: (dir: string) => Buffer][] = [
  ['plain', elf((f) => f)],
  ['position-independent', () => new Elf(ET_DYN).bytes],
  ['position-independent, aligned to 2 MiB', () => new Elf(ET_DYN).set(0, 'align', 0x200000n).bytes],
  ['address where the kernel puts programs', elf((f) => f.set(1, 'vaddr', 0x5555_5555_4100n))],
  ['alignment 0', elf((f) => f.set(0, 'align', 0n).set(1, 'align', 1n))],
  ['section headers out of range', elf((f) => f.u64(ehdr.shoff, all).u16(60, 0xffff).u16(62, 0xffff))],
  ['physical addresses out of range', elf((f) => f.set(0, 'paddr', all).set(1, 'paddr', arenaEnd))],
  ['executable stack', elf((f) => f.set(2, 'flags', 7n))],
  [
    'unknown header type',
    elf((f) => f.set(2, 'type', 0x7fffffffn).set(2, 'vaddr', all).set(2, 'memsz', all)),
  ],
  [
    'data before code',
    elf((f) =>
      f
        .segment(0, PT_LOAD, 6, 0x1100n, 0x402100n, 0x100n, 0x2000n)
        .segment(1, PT_LOAD, 5, 0n, 0x400000n, 0x1100n, 0x1100n),
    ),
  ],
  ['an empty segment anywhere', elf((f) => f.segment(2, PT_LOAD, 6, 0x1000n, 0x600000n, 0n, 0n))],
  ['bss of a read-only segment', elf((f) => f.set(1, 'flags', 4n))],
  ['far from everything', elf((f) => f.set(1, 'vaddr', (1n << 45n) + 0x100n))],
  ['its own interpreter', (dir) => new Elf(ET_DYN, join(dir, 'its-own-interpreter')).bytes],
  ['chain of 5 scripts', (dir) => Buffer.from(`#!${join(dir, 'chain-4')} x\n`)],
];

const hostile: [name: string, content: (dir: string) => Buffer][] = [
  ['entry in data', elf((f) => f.u64(ehdr.entry, 0x402100n))],
  ['entry in bss', elf((f) => f.u64(ehdr.entry, 0x403000n))],
  ['code not executable', elf((f) => f.set(0, 'flags', 4n))],
  ['no permission at all', elf((f) => f.set(0, 'flags', 0n))],
];

function half(path: string): Buffer {
  const bytes = readFileSync(path);
  return bytes.subarray(0, bytes.length / 2);
}

const fileName = (name: string) => name.replace(/[^A-Za-z0-9]+/g, '-');

function write(dir: string, name: string, content: Buffer): string {
  const path = join(dir, fileName(name));
  writeFileSync(path, content);
  chmodSync(path, 0o755);
  return path;
}

/** Files to be refused. Pre: `dir` is an empty folder by an absolute path. */
export function writeMalformed(dir: string): Case[] {
  write(dir, 'valid-script', Buffer.from('#!/bin/sh\n'));
  write(dir, 'chain-0', new Elf().bytes);
  for (let i = 1; i <= 5; i++) write(dir, `chain-${i}`, Buffer.from(`#!${join(dir, `chain-${i - 1}`)}\n`));
  const cases = malformed.map(([name, content, error]) => ({
    name,
    path: write(dir, name, content(dir)),
    errno: error ?? errno.ENOEXEC,
  }));
  const folder = join(dir, 'a-folder');
  mkdirSync(folder);
  const plain = write(dir, 'without-x-bit', new Elf().bytes);
  chmodSync(plain, 0o644);
  const loop = join(dir, 'symlink-to-itself');
  symlinkSync(loop, loop);
  return [
    ...cases,
    { name: 'a folder', path: folder, errno: errno.EACCES },
    { name: 'no x bit', path: plain, errno: errno.EACCES },
    { name: 'a device', path: '/dev/null', errno: errno.EACCES },
    { name: 'a symlink to itself', path: loop, errno: errno.ELOOP, onlyExec: true },
  ];
}

/** Odd, but Linux runs them: they exit with `exitStatus`. Pre: writeMalformed() wrote to `dir`. */
export function writeWellFormed(dir: string): Omit<Case, 'errno'>[] {
  return wellFormed.map(([name, content]) => ({ name, path: write(dir, name, content(dir)) }));
}

/** Can be loaded, and die by SIGSEGV at their first instruction. */
export function writeHostile(dir: string): Omit<Case, 'errno'>[] {
  return hostile.map(([name, content]) => ({ name, path: write(dir, name, content(dir)) }));
}
