/** What can be asked of a program that stands still: threads, registers, memory, mappings, coverage. */
import { errnoText, SandboxError } from '../errors.js';
import type { GuestProcess } from '../process.js';
import { ChannelClosed, type DebugChannel } from './channel.js';
import { access, type Command, debugDataMost, type Message, operation } from './message.js';
import { decodeRegisters, encodeRegisters, type Registers } from './registers.js';
import type { CoveredPage, MemoryMapping, PageAccess, VmThread } from './types.js';

/** The page table's unit. */
export const pageSize = 4096n;
export const pageOf = (address: bigint): bigint => address & ~(pageSize - 1n);

const errno = { ENOENT: 2, ESRCH: 3, EACCES: 13, EFAULT: 14, EBUSY: 16, EEXIST: 17, EINVAL: 22, ENOSPC: 28 };

export function kindsOf(wanted: PageAccess): number {
  return (
    (wanted.read ? access.reads : 0) |
    (wanted.write ? access.writes : 0) |
    (wanted.execute ? access.executes : 0)
  );
}

/** The part of Vm that looks, and changes what is there. */
export abstract class VmInspection {
  /** The program's streams, signals and end. */
  readonly process: GuestProcess;
  /** @internal */
  protected readonly channel: DebugChannel;
  protected running = false;
  protected detached = false;

  /** @internal */
  protected constructor(guest: GuestProcess, channel: DebugChannel) {
    this.process = guest;
    this.channel = channel;
  }

  /** The thread that it has stopped for, or its first one. */
  abstract get tid(): number;
  protected abstract get isOver(): boolean;

  // ---- threads and registers ------------------------------------------------------------------

  async threads(): Promise<VmThread[]> {
    const { data } = await this.ask('list threads', { operation: operation.threads });
    const threads: VmThread[] = [];
    for (let at = 0; at < data.length; at += 8)
      threads.push({ tid: data.readInt32LE(at), inSyscall: data.readUInt32LE(at + 4) === 2 });
    return threads;
  }

  /** Of a thread, by default the one that it has stopped for. Rejects with ERR_VM_THREAD too. */
  async registers(tid = this.tid): Promise<Registers> {
    return (await this.registersOf(tid)).registers;
  }

  /** The number of the system call that a thread is in. */
  async syscallOf(tid = this.tid): Promise<number | undefined> {
    return (await this.registersOf(tid)).call;
  }

  /** Changes those that are given. Rejects with ERR_VM_THREAD for a thread in a system call. */
  async setRegisters(changes: Partial<Registers>, tid = this.tid): Promise<void> {
    const { registers } = await this.registersOf(tid);
    const data = encodeRegisters({ ...registers, ...changes });
    await this.ask('set registers', { operation: operation.setRegisters, tid, data });
  }

  /** The FPU, SSE and AVX registers of a thread, as an XSAVE area in uncompacted form (SDM vol. 1, 13.4). */
  async state(tid = this.tid): Promise<Buffer> {
    return (await this.ask('read the FPU state', { operation: operation.getState, tid })).data;
  }

  async setState(area: Uint8Array, tid = this.tid): Promise<void> {
    await this.ask('set the FPU state', { operation: operation.setState, tid, data: area });
  }

  // ---- memory ---------------------------------------------------------------------------------

  /** Fewer bytes where less is mapped; none: ERR_VM_MEMORY. Breakpoints do not show. */
  async read(address: bigint, length: number): Promise<Buffer> {
    const parts: Buffer[] = [];
    for (let done = 0; done < length; ) {
      const size = Math.min(length - done, debugDataMost);
      const command = { operation: operation.read, address: address + BigInt(done), length: BigInt(size) };
      const reply = await this.sendCommand(command);
      if (reply.error !== 0 && done === 0)
        throw this.failure(`read memory at 0x${address.toString(16)}`, reply.error);
      parts.push(reply.data);
      done += reply.data.length;
      if (reply.data.length < size) break;
    }
    return Buffer.concat(parts);
  }

  /** Whatever the program itself may do there; never to a file that it cannot write. ERR_VM_MEMORY. */
  async write(address: bigint, bytes: Uint8Array): Promise<void> {
    for (let done = 0; done < bytes.length; done += debugDataMost) {
      const data = bytes.subarray(done, done + debugDataMost);
      const command = { operation: operation.write, address: address + BigInt(done), data };
      await this.ask(`write memory at 0x${address.toString(16)}`, command);
    }
  }

  async mappings(): Promise<MemoryMapping[]> {
    const found: MemoryMapping[] = [];
    for (let address = 0n; ; ) {
      const { data } = await this.ask('list mappings', { operation: operation.mappings, address });
      for (let at = 0; at < data.length; at += 24) {
        const [start, end] = [data.readBigUInt64LE(at), data.readBigUInt64LE(at + 8)];
        const [prot, flags] = [data.readUInt32LE(at + 16), data.readUInt32LE(at + 20)];
        found.push({
          start,
          end,
          read: (prot & 1) !== 0,
          write: (prot & 2) !== 0,
          execute: (prot & 4) !== 0,
          shared: (flags & 1) !== 0,
          ofFile: (flags & 2) !== 0,
        });
      }
      const last = found.at(-1);
      if (data.length === 0 || !last) return found;
      address = last.end;
    }
  }

  /** Notes each page that is used in these ways for the first time from now on. All false: no longer, and forgets. */
  async cover(kinds: PageAccess): Promise<void> {
    await this.ask('begin coverage', { operation: operation.cover, kinds: kindsOf(kinds) });
  }

  /**
   * The pages that were used since cover(), in ascending order. What has been executed counts as readable, what has been
   * written too; pages that the kernel used for the program's calls are not among them.
   */
  async covered(): Promise<CoveredPage[]> {
    const pages: CoveredPage[] = [];
    for (let address = 0n; ; ) {
      const reply = await this.ask('read coverage', { operation: operation.covered, address });
      for (let at = 0; at < reply.data.length; at += 8) {
        const entry = reply.data.readBigUInt64LE(at);
        const kinds = Number(entry & 7n);
        pages.push({
          address: pageOf(entry),
          read: (kinds & access.reads) !== 0,
          write: (kinds & access.writes) !== 0,
          execute: (kinds & access.executes) !== 0,
        });
      }
      if (reply.a === 0n) break;
      address = reply.a;
    }
    return pages.sort((one, other) => (one.address < other.address ? -1 : 1));
  }

  protected mustExist(): void {
    if (this.isOver || this.channel.closed) throw this.ended();
  }

  protected ended(): SandboxError {
    const why = this.detached ? 'it was detached' : 'the program has ended';
    return new SandboxError('ERR_VM_ENDED', `Cannot control process ${this.process.pid}: ${why}`);
  }

  /**
   * The reply, whatever it says.
   * @internal
   */
  protected async sendCommand(command: Command): Promise<Message> {
    this.mustExist();
    try {
      return await this.channel.request(command);
    } catch (error) {
      throw error instanceof ChannelClosed ? this.ended() : error;
    }
  }

  /** @internal */
  protected async ask(what: string, command: Command): Promise<Message> {
    const reply = await this.sendCommand(command);
    if (reply.error !== 0) throw this.failure(what, reply.error, command);
    return reply;
  }

  protected async registersOf(tid: number): Promise<ReturnType<typeof decodeRegisters>> {
    return decodeRegisters(
      (await this.ask('read registers', { operation: operation.getRegisters, tid })).data,
    );
  }

  /** @internal */
  protected failure(what: string, error: number, command?: Command): SandboxError {
    const say = (
      code: 'ERR_VM_BREAKPOINT' | 'ERR_VM_MEMORY' | 'ERR_VM_RUNNING' | 'ERR_VM_THREAD',
      why: string,
    ) => new SandboxError(code, `Cannot ${what}: ${why}`, { errno: error });
    const sets = [operation.setBreakpoint, operation.trap] as number[];
    if (command?.tid !== undefined && error === errno.ESRCH)
      return say('ERR_VM_THREAD', 'there is no such thread');
    if (error === errno.EBUSY) {
      if (this.running || command?.tid === undefined) return say('ERR_VM_RUNNING', 'the program is running');
      return say('ERR_VM_THREAD', `thread ${command.tid} is in a system call`);
    }
    if (command && sets.includes(command.operation)) {
      if (error === errno.EACCES) return say('ERR_VM_BREAKPOINT', 'the memory is shared with others');
      if (error === errno.ENOSPC) return say('ERR_VM_BREAKPOINT', 'there are too many');
      return say('ERR_VM_BREAKPOINT', errnoText(error));
    }
    if (error === errno.EFAULT || error === errno.EACCES) return say('ERR_VM_MEMORY', errnoText(error));
    if (command?.operation === operation.resume) return say('ERR_VM_THREAD', 'there is no such thread');
    return new SandboxError('ERR_SYSTEM', `Cannot ${what}: ${errnoText(error)}`, { errno: error });
  }
}
