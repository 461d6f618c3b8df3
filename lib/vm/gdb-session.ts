/** One gdb's connection: its packets, on a Vm. */
import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { logger } from '../debug.js';
import { SandboxError } from '../errors.js';
import { signalNumber } from '../signals.js';
import { encodePacket, fromGdbSignal, hexNumber, PacketReader, toGdbSignal } from './gdb-packets.js';
import { GdbTarget, type ThreadRegisters } from './gdb-target.js';
import { type Action, type Go, go } from './message.js';
import type { VmStop, Watchpoint } from './types.js';
import type { Vm } from './vm.js';

const log = logger('gdb');

const packetSize = 0x8000;
/** How long a program may take to stop before it is asked once more. */
const againMs = 200;
const sigtrap = 5;
const sigint = 2;

/** Breakpoints and watchpoints as gdb sets them: Z0 to Z4. */
const watchKinds: Record<string, Omit<Watchpoint, 'address' | 'length'>> = {
  '1': { execute: true },
  '2': { write: true },
  '3': { read: true },
  '4': { read: true, write: true },
};
const watchNames: Record<string, string> = { '2': 'watch', '3': 'rwatch', '4': 'awatch' };

type Reply = string | Buffer;
class BadPacket extends Error {}

const hex = (value: bigint | number): string => value.toString(16);

function numberIn(text: string | undefined): bigint {
  const value = text === undefined ? undefined : hexNumber(text);
  if (value === undefined) throw new BadPacket();
  return value;
}

/** Thread ids as gdb writes them: -1 is all, 0 any. */
function threadIn(text: string): number {
  if (text === '-1') return -1;
  return Number(numberIn(text));
}

export class GdbSession {
  readonly #vm: Vm;
  readonly #socket: Socket;
  readonly #reader = new PacketReader();
  readonly #watches = new Map<string, { type: string; address: bigint; length: number }>();
  #target: GdbTarget;
  #acknowledges = true;
  #thread = 0;
  #catches = false;
  /** Packets that are not answered yet. */
  #pending = 0;
  /** An interruption that came before what it is to interrupt had begun. */
  #interrupts = false;
  #auxv: { path: string; bytes: Buffer } | undefined;
  /** Packets are answered one after the other. */
  #work = Promise.resolve();

  constructor(vm: Vm, socket: Socket) {
    this.#vm = vm;
    this.#socket = socket;
    this.#target = new GdbTarget(vm.program.stateFeatures);
    socket.on('error', (error) => log('%s', error.message));
    socket.on('data', (chunk) => {
      for (const incoming of this.#reader.take(chunk as Buffer)) this.#received(incoming);
    });
  }

  /** All that gdb has asked for so far is answered. */
  async idle(): Promise<void> {
    await this.#work;
  }

  /** gdb has gone: does what it still asked for, and lets the program run for none of it. */
  async finish(): Promise<void> {
    let finished = false;
    const done = this.idle().then(() => {
      finished = true;
    });
    while (!finished) {
      if (!this.#vm.stop) this.#interrupt();
      await Promise.race([done, delay(againMs)]);
    }
  }

  #received(incoming: ReturnType<PacketReader['take']> extends Generator<infer Item> ? Item : never): void {
    if (incoming.kind === 'interrupt') {
      if (this.#vm.stop && this.#pending > 0) this.#interrupts = true;
      else this.#interrupt();
      return;
    }
    if (incoming.kind === 'broken') {
      if (this.#acknowledges) this.#socket.write('-');
      return;
    }
    if (this.#acknowledges) this.#socket.write('+');
    this.#pending++;
    this.#work = this.#work.then(async () => {
      await this.#serve(incoming.body);
      if (--this.#pending === 0) this.#interrupts = false;
    });
  }

  #interrupt(): void {
    this.#interrupts = false;
    this.#vm.interrupt().catch((error: unknown) => log('interrupt: %o', error));
  }

  async #serve(body: Buffer): Promise<void> {
    const text = body.toString('latin1');
    log('> %s', text.slice(0, 120));
    let reply: Reply | undefined;
    try {
      reply = await this.#answer(text, body);
    } catch (error) {
      log('%s: %o', text.slice(0, 40), error);
      reply = errorReply(error);
    }
    if (reply === undefined || this.#socket.destroyed) return;
    log('< %s', reply.toString('latin1').slice(0, 120));
    this.#socket.write(encodePacket(reply));
    if (text === 'QStartNoAckMode') this.#acknowledges = false;
  }

  /** Undefined: no reply at all. */
  async #answer(text: string, body: Buffer): Promise<Reply | undefined> {
    const rest = text.slice(1);
    switch (text[0]) {
      case '?':
        return this.#stopReply(this.#vm.stop);
      case 'g':
        return this.#target.readAll(await this.#registers()).toString('hex');
      case 'G':
        return this.#setAll(Buffer.from(rest, 'hex'));
      case 'p':
        return this.#getOne(Number(numberIn(rest)));
      case 'P':
        return this.#setOne(rest);
      case 'm':
        return this.#read(rest);
      case 'M':
      case 'X':
        return this.#write(text, body);
      case 'H':
        return this.#select(rest);
      case 'T':
        return (await this.#tids()).includes(threadIn(rest)) ? 'OK' : 'E01';
      case 'Z':
      case 'z':
        return this.#point(text[0] === 'Z', rest);
      case 'c':
      case 's':
        return this.#resume([], text[0] === 'c' ? go.run : go.step);
      case 'v':
        return this.#long(text);
      case 'q':
        return this.#query(text);
      case 'Q':
        return this.#set(text);
      case 'D':
        await this.#vm.detach();
        return 'OK';
      case 'k':
        await this.#vm.process.end();
        return undefined;
      default:
        return '';
    }
  }

  async #long(text: string): Promise<Reply> {
    if (text === 'vCont?') return 'vCont;c;C;s;S';
    if (text.startsWith('vCont;')) return this.#continue(text.slice(6));
    if (text.startsWith('vKill')) {
      await this.#vm.process.end();
      return 'OK';
    }
    return '';
  }

  async #set(text: string): Promise<Reply> {
    if (text === 'QStartNoAckMode') return 'OK';
    if (!text.startsWith('QCatchSyscalls:')) return '';
    const [on, ...numbers] = text.slice('QCatchSyscalls:'.length).split(';');
    this.#catches = on === '1';
    const list = numbers.map((number) => Number(numberIn(number)));
    const which = !this.#catches ? [] : list.length === 0 ? 'all' : list;
    await this.#vm.catchSyscalls({ entry: which, return: which });
    return 'OK';
  }

  async #query(text: string): Promise<Reply> {
    const [name = ''] = text.split(/[:;,]/, 1);
    switch (name) {
      case 'qSupported':
        return `PacketSize=${hex(packetSize)};QStartNoAckMode+;vContSupported+;swbreak+;hwbreak+;exec-events+;QCatchSyscalls+;qXfer:features:read+;qXfer:auxv:read+;qXfer:exec-file:read+`;
      case 'qAttached':
        return '0';
      case 'qC':
        return `QC${hex(this.#vm.tid)}`;
      case 'qfThreadInfo':
        return `m${(await this.#tids()).map(hex).join(',')}`;
      case 'qsThreadInfo':
        return 'l';
      case 'qThreadExtraInfo': {
        const tid = threadIn(text.split(',')[1] ?? '');
        const thread = (await this.#vm.threads()).find((one) => one.tid === tid);
        return Buffer.from(thread?.inSyscall ? 'in a system call' : 'stopped').toString('hex');
      }
      case 'qXfer':
        return this.#transfer(text);
      default:
        return '';
    }
  }

  async #transfer(text: string): Promise<Reply> {
    const [, object, operation, , range = ''] = text.split(':');
    if (operation !== 'read') return '';
    const [offset, length] = range.split(',').map((part) => Number(numberIn(part))) as [number, number];
    let whole: Buffer;
    if (object === 'features') whole = Buffer.from(this.#target.description);
    else if (object === 'exec-file') whole = Buffer.from(this.#vm.program.path);
    else if (object === 'auxv') whole = await this.#auxiliaryVector();
    else return '';
    const part = whole.subarray(offset, offset + Math.min(length, packetSize / 4));
    const isLast = offset + part.length >= whole.length;
    return Buffer.concat([Buffer.from(isLast ? 'l' : 'm'), part]);
  }

  /** Behind argv and the environment on the stack that the program began with. */
  async #auxiliaryVector(): Promise<Buffer> {
    const { path, stack } = this.#vm.program;
    if (this.#auxv?.path === path) return this.#auxv.bytes;
    const most = 1 << 20;
    const bytes = await this.#vm.read(stack, most);
    const word = (index: number): bigint =>
      index * 8 + 8 <= bytes.length ? bytes.readBigUInt64LE(index * 8) : 0n;
    let at = 1 + Number(word(0)) + 1; // argc, argv, NULL
    while (at * 8 < bytes.length && word(at) !== 0n) at++;
    const start = ++at;
    while (at * 8 < bytes.length && word(at) !== 0n) at += 2;
    const vector = Buffer.from(bytes.subarray(start * 8, (at + 2) * 8));
    this.#auxv = { path, bytes: vector };
    return vector;
  }

  // ---- registers and memory ---------------------------------------------------------------------

  get #tid(): number {
    return this.#thread > 0 ? this.#thread : this.#vm.tid;
  }

  async #tids(): Promise<number[]> {
    return (await this.#vm.threads()).map((thread) => thread.tid);
  }

  #select(rest: string): string {
    const tid = threadIn(rest.slice(1));
    if (rest[0] === 'g') this.#thread = tid;
    return 'OK';
  }

  async #registers(): Promise<ThreadRegisters> {
    return { registers: await this.#vm.registers(this.#tid), area: await this.#vm.state(this.#tid) };
  }

  async #store(thread: ThreadRegisters, areaChanged: boolean): Promise<string> {
    await this.#vm.setRegisters(thread.registers, this.#tid);
    if (areaChanged) await this.#vm.setState(thread.area, this.#tid);
    return 'OK';
  }

  async #setAll(bytes: Buffer): Promise<string> {
    const thread = await this.#registers();
    const { complete, changed } = this.#target.writeAll(bytes, thread);
    return complete ? this.#store(thread, changed) : 'E16';
  }

  async #getOne(number: number): Promise<string> {
    if (!this.#target.has(number)) return 'E16';
    return this.#target.read(number, await this.#registers()).toString('hex');
  }

  async #setOne(rest: string): Promise<string> {
    const [name = '', value = ''] = rest.split('=');
    const number = Number(numberIn(name));
    if (!this.#target.has(number)) return 'E16';
    const bytes = Buffer.from(value, 'hex');
    if (bytes.length !== this.#target.size(number)) return 'E16';
    const thread = await this.#registers();
    return this.#store(thread, this.#target.write(number, bytes, thread));
  }

  async #read(rest: string): Promise<string> {
    const [address, length] = rest.split(',').map((part) => numberIn(part)) as [bigint, bigint];
    return (await this.#vm.read(address, Math.min(Number(length), packetSize / 2 - 16))).toString('hex');
  }

  async #write(text: string, body: Buffer): Promise<string> {
    const colon = text.indexOf(':');
    const [address] = text.slice(1, colon).split(',').map(numberIn) as [bigint];
    const bytes = text[0] === 'X' ? body.subarray(colon + 1) : Buffer.from(text.slice(colon + 1), 'hex');
    await this.#vm.write(address, bytes);
    return 'OK';
  }

  async #point(sets: boolean, rest: string): Promise<string> {
    const [type = '', at, size] = rest.split(';', 1)[0]?.split(',') ?? [];
    const address = numberIn(at);
    if (type === '0') {
      await (sets ? this.#vm.setBreakpoint(address) : this.#vm.removeBreakpoint(address));
      return 'OK';
    }
    const kinds = watchKinds[type];
    if (!kinds) return '';
    const length = type === '1' ? 1 : Number(numberIn(size));
    const key = `${type},${address},${length}`;
    if (sets === this.#watches.has(key)) return 'OK';
    if (sets) {
      await this.#vm.watch({ address, length, ...kinds });
      this.#watches.set(key, { type, address, length });
    } else {
      this.#watches.delete(key);
      await this.#vm.unwatch(address, length);
    }
    return 'OK';
  }

  // ---- going on, and stops ------------------------------------------------------------------------

  /** Actions are for a thread each, or, without one, for those that none before was for. */
  async #continue(list: string): Promise<Reply> {
    const actions: Action[] = [];
    let others: Go | undefined;
    let signal = 0;
    for (const item of list.split(';')) {
      const [action = '', thread] = item.split(':');
      const what = action[0]?.toLowerCase();
      if (what !== 'c' && what !== 's') throw new BadPacket();
      const how = what === 's' ? go.step : go.run;
      if (action.length > 1) signal = fromGdbSignal(Number(numberIn(action.slice(1))));
      const tid = thread === undefined ? -1 : threadIn(thread);
      if (tid > 0) {
        if (!actions.some((one) => one.tid === tid)) actions.push({ tid, go: how, signal });
        signal = 0;
      } else {
        others ??= how;
      }
    }
    // One for all is for the thread that has stopped.
    if (signal !== 0) actions.push({ tid: this.#vm.tid, go: others ?? go.run, signal });
    return this.#resume(actions, others ?? go.stay);
  }

  async #resume(actions: Action[], others: Go): Promise<Reply> {
    const known = new Set(await this.#tids());
    const going = this.#vm.resumeThreads(
      actions.filter((action) => known.has(action.tid)),
      others,
    );
    if (this.#interrupts) this.#interrupt();
    const stop = await going;
    this.#thread = 0;
    if (stop.reason === 'exec') this.#watches.clear();
    return this.#stopReply(stop);
  }

  #stopReply(stop: VmStop | undefined): string {
    if (!stop) return 'E01';
    if (stop.reason === 'exit') {
      const { exitCode, signal } = stop.exit;
      const number = signal === null ? 0 : (signalNumber(signal as NodeJS.Signals) ?? 0);
      const status = signal === null ? `W${byte(exitCode ?? 0)}` : `X${byte(toGdbSignal(number))}`;
      return status;
    }
    const signal =
      stop.reason === 'interrupt'
        ? sigint
        : stop.reason === 'fault'
          ? toGdbSignal(signalNumber(stop.signal as NodeJS.Signals) ?? 0)
          : sigtrap;
    return `T${byte(signal)}${this.#detail(stop)}thread:${hex(stop.tid)};`;
  }

  #detail(stop: VmStop): string {
    switch (stop.reason) {
      case 'breakpoint':
        return 'swbreak:;';
      case 'exec':
        return `exec:${Buffer.from(stop.path).toString('hex')};`;
      case 'syscallEntry':
        return `syscall_entry:${hex(stop.number)};`;
      case 'syscallReturn':
        return `syscall_return:${hex(stop.number)};`;
      case 'watch': {
        if (stop.kind === 'execute') return 'hwbreak:;';
        // The access may begin before what is watched.
        const found = [...this.#watches.values()].find(
          ({ type, address, length }) =>
            watchKinds[type]?.[stop.kind] &&
            stop.address < address + BigInt(length) &&
            stop.address + 8n > address,
        );
        if (!found) return '';
        const address = stop.address > found.address ? stop.address : found.address;
        return `${watchNames[found.type]}:${hex(address)};`;
      }
      default:
        return '';
    }
  }
}

const byte = (value: number): string => (value & 0xff).toString(16).padStart(2, '0');

function errorReply(error: unknown): string {
  if (error instanceof BadPacket) return 'E16';
  if (error instanceof SandboxError) return `E${byte(error.errno ?? 1)}`;
  return 'E01';
}
