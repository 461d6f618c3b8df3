/** A pseudoterminal for one program (man 7 pty): the program has it for its standard streams, this is the other side. */
import { Duplex } from 'node:stream';
import { type Addon, native, type Watcher } from './native.js';

/** Columns and rows of characters, 1 to 65535. */
export interface TerminalSize {
  cols: number;
  rows: number;
}

/** What a terminal's line discipline takes for the end of input at the start of a line (VEOF, Ctrl-D). */
const endOfInput = Buffer.from([4]);

/**
 * Reads what the program writes, ends when nobody has the terminal open any more. Ending it types Ctrl-D; destroying it
 * hangs up: the program gets SIGHUP.
 */
export class Terminal extends Duplex {
  readonly #addon: Addon;
  readonly #fd: number;
  readonly #watcher: Watcher;
  /** The program's side, for its start. */
  readonly programFd: number;
  #programsIsOpen = true;
  #reading = false;
  #pending: { bytes: Buffer; done: (error?: Error | null) => void } | undefined;

  /** Throws ERR_SYSTEM. */
  constructor({ cols, rows }: TerminalSize) {
    super({ allowHalfOpen: false });
    this.#addon = native().addon;
    [this.#fd, this.programFd] = this.#addon.openTerminal(cols, rows);
    this.#watcher = new this.#addon.Watcher(this.#fd, (readable, writable) =>
      this.#ready(readable, writable),
    );
  }

  /**
   * The program has ended. Until then its side is open here too: a program that closes its streams has not hung up, and may
   * open /dev/tty again.
   */
  ended(): void {
    if (this.#programsIsOpen) this.#addon.closeFd(this.programFd);
    this.#programsIsOpen = false;
  }

  /** The program gets SIGWINCH. Pre: a size that terminals have. */
  resize({ cols, rows }: TerminalSize): void {
    if (!this.destroyed) this.#addon.resizeTerminal(this.#fd, cols, rows);
  }

  override _read(): void {
    this.#reading = true;
    this.#watch();
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    this.#pending = { bytes: chunk, done };
    this.#flush();
  }

  override _final(done: (error?: Error | null) => void): void {
    if (this.readableEnded) done();
    else this._write(endOfInput, '', () => done()); // nobody is left to read it
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#watcher.close();
    this.ended();
    this.#addon.closeFd(this.#fd);
    done(error);
  }

  #watch(): void {
    if (this.destroyed) return;
    if (!this.#reading && !this.#pending) this.#watcher.stop();
    else this.#watcher.select(this.#reading, this.#pending !== undefined);
    // As a pipe's, the program's output holds Node as long as somebody wants it.
    if (this.#reading) this.#watcher.ref();
    else this.#watcher.unref();
  }

  #ready(readable: boolean, writable: boolean): void {
    if (writable && this.#pending) this.#flush();
    if (readable && this.#reading && !this.destroyed) {
      try {
        const bytes = this.#addon.readFd(this.#fd);
        if (bytes !== null) this.#reading = bytes.length > 0 && this.push(bytes);
        if (bytes?.length === 0) this.push(null);
      } catch (error) {
        this.destroy(error as Error);
      }
    }
    this.#watch();
  }

  #flush(): void {
    if (!this.#pending) return;
    const { bytes, done } = this.#pending;
    try {
      const taken = this.#addon.writeFd(this.#fd, bytes);
      this.#pending = taken < bytes.length ? { bytes: bytes.subarray(taken), done } : undefined;
    } catch (error) {
      this.#pending = undefined;
      done(error as Error);
      return;
    }
    if (this.#pending) this.#watch();
    else done();
  }
}
