/** Reads what the monitors of one program count (native/abi/counters.h). */
import { readSync } from 'node:fs';
import { native } from './native.js';

const slotSize = 64;
export const counterSlots = 1024;

export interface Counts {
  /** How often a virtual processor stopped for the monitor. */
  exits: number;
  /** Calls that reached the gate's dispatcher; not those that were answered inside the VM. */
  syscalls: number;
  /** Exceptions and missing pages. */
  faults: number;
}

export const noCounts: Readonly<Counts> = { exits: 0, syscalls: 0, faults: 0 };

export const addCounts = (a: Counts, b: Counts): Counts => ({
  exits: a.exits + b.exits,
  syscalls: a.syscalls + b.syscalls,
  faults: a.faults + b.faults,
});

export class Counters {
  readonly fd: number = native().addon.createSharedMemory('barchan-counters', counterSlots * slotSize);
  #last: Counts = noCounts;
  #closed = false;

  /** After close() what was counted until then. */
  read(): Counts {
    if (this.#closed) return this.#last;
    const bytes = Buffer.alloc(counterSlots * slotSize);
    readSync(this.fd, bytes, 0, bytes.length, 0);
    const sum = { ...noCounts };
    for (let at = 0; at < bytes.length; at += slotSize) {
      // Slots are taken from the first free one on: behind one that nobody has used there is none in use.
      if (at > 0 && bytes.readBigUInt64LE(at) === 0n && bytes.readUInt32LE(at + 56) === 0) break;
      sum.exits += Number(bytes.readBigUInt64LE(at));
      sum.syscalls += Number(bytes.readBigUInt64LE(at + 8));
      sum.faults += Number(bytes.readBigUInt64LE(at + 16));
    }
    this.#last = sum;
    return sum;
  }

  close(): void {
    if (this.#closed) return;
    this.read();
    this.#closed = true;
    native().addon.closeFd(this.fd);
  }
}
