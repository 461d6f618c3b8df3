/** Counts what a program writes to the pipes that this process reads, and cuts it off at a limit. */
import type { Readable } from 'node:stream';

export class OutputMeter {
  /** There was more than the limit. */
  over = false;
  /** Called once, when there is. */
  onOver: (() => void) | undefined;
  #room: number;

  constructor(limit: number) {
    this.#room = limit;
  }

  /** Pre: nothing has been read from it yet. */
  attach(stream: Readable): void {
    const push = stream.push.bind(stream);
    stream.push = (chunk: Buffer | null, encoding?: BufferEncoding): boolean => {
      if (chunk === null || chunk.length <= this.#room) {
        this.#room -= chunk?.length ?? 0;
        return push(chunk, encoding);
      }
      const rest = this.#room;
      this.#room = 0;
      if (!this.over) {
        this.over = true;
        this.onOver?.();
      }
      // Reading goes on, so that the end of the program is seen.
      return rest === 0 ? true : push(chunk.subarray(0, rest), encoding);
    };
  }
}
