/** The strings of a binary block: NUL-terminated UTF-8, one after the other behind its fixed part. */
export class StringTable {
  readonly #parts: Buffer[] = [];
  #size: number;

  /** `start`: bytes before the first string. */
  constructor(start: number) {
    this.#size = start;
  }

  /** Of the whole block so far. */
  get size(): number {
    return this.#size;
  }

  get parts(): readonly Buffer[] {
    return this.#parts;
  }

  /** Adds a string; returns its offset in the block. */
  place(text: string): number {
    const bytes = Buffer.from(`${text}\0`, 'utf8');
    const offset = this.#size;
    this.#parts.push(bytes);
    this.#size += bytes.length;
    return offset;
  }
}
