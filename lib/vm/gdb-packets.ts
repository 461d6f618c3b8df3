/** Packets of GDB's remote serial protocol (GDB manual, appendix E): framing, escapes, numbers. Pure. */

const escapeByte = 0x7d;
const escapeFlip = 0x20;
/** A gdb sends no longer one: we tell it half of this. */
const packetMost = 1 << 20;

export type Incoming = { kind: 'packet'; body: Buffer } | { kind: 'interrupt' } | { kind: 'broken' };

const checksum = (bytes: Uint8Array): number => bytes.reduce((sum, byte) => (sum + byte) & 0xff, 0);

/** Cuts a stream into packets; acknowledgements are dropped. */
export class PacketReader {
  #left: Buffer = Buffer.alloc(0);

  *take(chunk: Buffer): Generator<Incoming> {
    this.#left = this.#left.length === 0 ? chunk : Buffer.concat([this.#left, chunk]);
    let at = 0;
    while (at < this.#left.length) {
      const byte = this.#left[at];
      if (byte === 0x03) {
        yield { kind: 'interrupt' };
      } else if (byte === 0x24 /* $ */) {
        const end = this.#left.indexOf('#', at);
        if (end === -1 || end + 2 >= this.#left.length) {
          if (this.#left.length - at > packetMost) {
            this.#left = Buffer.alloc(0);
            yield { kind: 'broken' };
            return;
          }
          break;
        }
        const body = this.#left.subarray(at + 1, end);
        const sum = Number.parseInt(this.#left.toString('latin1', end + 1, end + 3), 16);
        yield sum === checksum(body) ? { kind: 'packet', body: unescapeBody(body) } : { kind: 'broken' };
        at = end + 2;
      }
      at++;
    }
    this.#left = Buffer.from(this.#left.subarray(at));
  }
}

function unescapeBody(body: Buffer): Buffer {
  if (!body.includes(escapeByte)) return Buffer.from(body);
  const bytes: number[] = [];
  for (let i = 0; i < body.length; i++) {
    const byte = body[i] as number;
    bytes.push(byte === escapeByte ? (body[++i] ?? 0) ^ escapeFlip : byte);
  }
  return Buffer.from(bytes);
}

/** What must not stand for itself in a reply: the frame, the escape, and run lengths. */
const special = new Set(['#', '$', '}', '*'].map((character) => character.charCodeAt(0)));

export function encodePacket(body: string | Buffer): Buffer {
  const bytes = typeof body === 'string' ? Buffer.from(body, 'latin1') : body;
  const escaped: number[] = [];
  for (const byte of bytes) {
    if (special.has(byte)) escaped.push(escapeByte, byte ^ escapeFlip);
    else escaped.push(byte);
  }
  const inner = Buffer.from(escaped);
  const sum = checksum(inner).toString(16).padStart(2, '0');
  return Buffer.concat([Buffer.from('$'), inner, Buffer.from(`#${sum}`)]);
}

/** A number as gdb writes it: hexadecimal, without a prefix. Undefined where there is none. */
export function hexNumber(text: string): bigint | undefined {
  return /^[0-9a-f]{1,16}$/i.test(text) ? BigInt(`0x${text}`) : undefined;
}

/** From Linux's numbers to gdb's (include/gdb/signals.def), for those that differ. */
const gdbSignals: Record<number, number> = {
  7: 10, // SIGBUS
  10: 30, // SIGUSR1
  12: 31, // SIGUSR2
  16: 143, // SIGSTKFLT: unknown to gdb
  17: 20, // SIGCHLD
  18: 19, // SIGCONT
  19: 17, // SIGSTOP
  20: 18, // SIGTSTP
  23: 16, // SIGURG
  29: 23, // SIGIO
  30: 32, // SIGPWR
  31: 12, // SIGSYS
  32: 77,
  64: 78,
};

export function toGdbSignal(linux: number): number {
  return gdbSignals[linux] ?? (linux > 32 ? linux + 12 : linux);
}

export function fromGdbSignal(gdb: number): number {
  for (let linux = 1; linux <= 64; linux++) if (toGdbSignal(linux) === gdb) return linux;
  return 0;
}
