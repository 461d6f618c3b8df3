/** The machine as gdb sees it: its description, and registers in the order of that. Pure. */
import { feature, type RegisterName, type Registers, xsave } from './registers.js';

interface Field {
  name: string;
  bits: number;
  type: string;
  feature: string;
  /** Where it is: an integer register, a place in the XSAVE area, or a constant. */
  from:
    | { register: RegisterName }
    | { at: number; size: number; of: bigint }
    | { tag: true }
    | { constant: bigint };
}

const core = 'org.gnu.gdb.i386.core';
const general: [string, RegisterName][] = [
  ...(['rax', 'rbx', 'rcx', 'rdx', 'rsi', 'rdi', 'rbp', 'rsp'] as const).map(
    (name): [string, RegisterName] => [name, name],
  ),
  ...([8, 9, 10, 11, 12, 13, 14, 15] as const).map((n): [string, RegisterName] => [`r${n}`, `r${n}`]),
];

function fields(withAvx: boolean): Field[] {
  const list: Field[] = [];
  const add = (name: string, bits: number, type: string, of: string, from: Field['from']): void => {
    list.push({ name, bits, type, feature: of, from });
  };
  for (const [name, register] of general) {
    add(name, 64, name === 'rbp' || name === 'rsp' ? 'data_ptr' : 'int64', core, { register });
  }
  add('rip', 64, 'code_ptr', core, { register: 'rip' });
  add('eflags', 32, 'int32', core, { register: 'rflags' });
  // As Linux has them; other values cannot be in these registers here.
  const selectors = { cs: 0x33n, ss: 0x2bn, ds: 0n, es: 0n, fs: 0n, gs: 0n };
  for (const [name, constant] of Object.entries(selectors)) add(name, 32, 'int32', core, { constant });
  for (let i = 0; i < 8; i++)
    add(`st${i}`, 80, 'i387_ext', core, { at: xsave.st + i * 16, size: 10, of: feature.x87 });
  const float = (at: number, size: number): Field['from'] => ({ at, size, of: feature.x87 });
  add('fctrl', 32, 'int', core, float(xsave.fcw, 2));
  add('fstat', 32, 'int', core, float(xsave.fsw, 2));
  add('ftag', 32, 'int', core, { tag: true });
  add('fiseg', 32, 'int', core, { constant: 0n });
  add('fioff', 32, 'int', core, float(xsave.fip, 4));
  add('foseg', 32, 'int', core, { constant: 0n });
  add('fooff', 32, 'int', core, float(xsave.fdp, 4));
  add('fop', 32, 'int', core, float(xsave.fop, 2));
  const sse = 'org.gnu.gdb.i386.sse';
  for (let i = 0; i < 16; i++)
    add(`xmm${i}`, 128, 'vec128', sse, { at: xsave.xmm + i * 16, size: 16, of: feature.sse });
  add('mxcsr', 32, 'int', sse, { at: xsave.mxcsr, size: 4, of: feature.sse });
  // A call is behind itself, or not yet made: gdb has nothing to restart.
  add('orig_rax', 64, 'int', 'org.gnu.gdb.i386.linux', { constant: 0xffff_ffff_ffff_ffffn });
  const segments = 'org.gnu.gdb.i386.segments';
  add('fs_base', 64, 'int', segments, { register: 'fsBase' });
  add('gs_base', 64, 'int', segments, { register: 'gsBase' });
  if (withAvx) {
    for (let i = 0; i < 16; i++)
      add(`ymm${i}h`, 128, 'uint128', 'org.gnu.gdb.i386.avx', {
        at: xsave.ymmHigh + i * 16,
        size: 16,
        of: feature.avx,
      });
  }
  return list;
}

const vectorType = `<vector id="v4f" type="ieee_single" count="4"/><vector id="v2d" type="ieee_double" count="2"/>
<vector id="v16i8" type="int8" count="16"/><vector id="v8i16" type="int16" count="8"/>
<vector id="v4i32" type="int32" count="4"/><vector id="v2i64" type="int64" count="2"/>
<union id="vec128"><field name="v4_float" type="v4f"/><field name="v2_double" type="v2d"/>
<field name="v16_int8" type="v16i8"/><field name="v8_int16" type="v8i16"/><field name="v4_int32" type="v4i32"/>
<field name="v2_int64" type="v2i64"/><field name="uint128" type="uint128"/></union>`;

/** A thread's registers: the integer ones, and its XSAVE area. */
export interface ThreadRegisters {
  registers: Registers;
  area: Buffer;
}

const isInteger = (field: Field): boolean => 'register' in field.from;

export class GdbTarget {
  readonly #fields: Field[];
  /** The target description (GDB manual, appendix G). */
  readonly description: string;

  constructor(features: bigint) {
    this.#fields = fields((features & feature.avx) !== 0n);
    const parts: string[] = [];
    for (const name of new Set(this.#fields.map((field) => field.feature))) {
      const registers = this.#fields
        .map((field, number) => ({ field, number }))
        .filter(({ field }) => field.feature === name)
        .map(
          ({ field, number }) =>
            `<reg name="${field.name}" bitsize="${field.bits}" type="${field.type}" regnum="${number}"/>`,
        );
      const types = name.endsWith('sse') ? vectorType : '';
      parts.push(`<feature name="${name}">${types}${registers.join('\n')}</feature>`);
    }
    this.description = `<?xml version="1.0"?><!DOCTYPE target SYSTEM "gdb-target.dtd"><target>
<architecture>i386:x86-64</architecture><osabi>GNU/Linux</osabi>${parts.join('\n')}</target>`;
  }

  has(number: number): boolean {
    return number >= 0 && number < this.#fields.length;
  }

  /** Does this register lie in the XSAVE area? */
  needsArea(number: number): boolean {
    const field = this.#fields[number];
    return field !== undefined && !isInteger(field) && !('constant' in field.from);
  }

  /** One register's bytes, as gdb takes them. */
  read(number: number, { registers, area }: ThreadRegisters): Buffer {
    const { bits, from } = this.#fields[number] as Field;
    const bytes = Buffer.alloc(bits / 8);
    if ('at' in from) {
      area.copy(bytes, 0, from.at, from.at + from.size);
    } else {
      const value =
        'register' in from ? registers[from.register] : 'tag' in from ? fullTag(area) : from.constant;
      if (bits === 64) bytes.writeBigUInt64LE(value);
      else bytes.writeUInt32LE(Number(value & 0xffff_ffffn));
    }
    return bytes;
  }

  readAll(thread: ThreadRegisters): Buffer {
    return Buffer.concat(this.#fields.map((_, number) => this.read(number, thread)));
  }

  /** Puts a register's bytes into `thread`; true when the XSAVE area has changed. */
  write(number: number, bytes: Buffer, { registers, area }: ThreadRegisters): boolean {
    const { bits, from } = this.#fields[number] as Field;
    if ('constant' in from) return false;
    if ('register' in from) {
      registers[from.register] = bits === 64 ? bytes.readBigUInt64LE() : BigInt(bytes.readUInt32LE());
      return false;
    }
    const before = Buffer.from(area);
    if ('tag' in from) {
      const tag = bytes.readUInt32LE();
      let valid = 0;
      for (let i = 0; i < 8; i++) if (((tag >> (i * 2)) & 3) !== 3) valid |= 1 << i;
      area[xsave.ftw] = valid;
    } else {
      bytes.copy(area, from.at, 0, from.size);
    }
    if (area.equals(before)) return false;
    const part = 'of' in from ? from.of : feature.x87;
    area.writeBigUInt64LE(area.readBigUInt64LE(xsave.features) | part, xsave.features);
    return true;
  }

  /** All of them, as gdb's G has them; false when there are too few bytes. `changed`: the XSAVE area. */
  writeAll(bytes: Buffer, thread: ThreadRegisters): { complete: boolean; changed: boolean } {
    let at = 0;
    let changed = false;
    for (const [number, field] of this.#fields.entries()) {
      const size = field.bits / 8;
      if (at + size > bytes.length) return { complete: false, changed };
      changed = this.write(number, bytes.subarray(at, at + size), thread) || changed;
      at += size;
    }
    return { complete: true, changed };
  }

  size(number: number): number {
    return (this.#fields[number] as Field).bits / 8;
  }
}

/** Two bits for each register, from XSAVE's one: valid or empty. */
function fullTag(area: Buffer): bigint {
  const valid = area[xsave.ftw] as number;
  let tag = 0n;
  for (let i = 0; i < 8; i++) if (!(valid & (1 << i))) tag |= 3n << BigInt(i * 2);
  return tag;
}
