/** The talk with the process that reaches into a sandbox's files (native/files, files-message.ts). */
import { logger } from './debug.js';
import { SandboxError } from './errors.js';
import {
  decodeEvents,
  decodeFileAnswer,
  encodeFileRequest,
  type FileAnswer,
  type FileRequest,
  filesMessageMost,
  type RawEvent,
} from './files-message.js';
import type { Keeper } from './keeper.js';
import { native } from './native.js';
import { SandboxProcess, type Talk } from './sandbox-process.js';

/** Between packets of events, so that a guest that changes files all the time does not keep this process busy. */
const eventsEveryMs = 20;

/** An answer, and the descriptor that came with it, which is the receiver's to close (through the addon). */
export type Answered = FileAnswer & { fd: number | undefined };

const talk = (): Talk<FileRequest, Answered> => ({
  program: native().filesPath,
  args: [],
  log: logger('files'),
  messageMost: filesMessageMost,
  mostInFlight: 32,
  holdsNode: true,
  encode: encodeFileRequest,
  idOf: (bytes) => decodeFileAnswer(bytes)?.id,
  decode: ({ bytes, fds }, { operation }) => {
    // Only an open file comes with a descriptor.
    const surplus = operation === 'open' ? fds.slice(1) : fds;
    for (const fd of surplus) native().addon.closeFd(fd);
    return { ...(decodeFileAnswer(bytes) as FileAnswer), fd: operation === 'open' ? fds[0] : undefined };
  },
  unsent: (cause) => new SandboxError('ERR_SYSTEM', "Cannot reach a sandbox's files", { cause }),
  gone: () =>
    new SandboxError(
      'ERR_SYSTEM',
      "Cannot reach a sandbox's files: the process for it was ended from outside",
      { remedy: 'Try again.' },
    ),
});

export class FilesClient {
  readonly #process: SandboxProcess<FileRequest, Answered>;
  #eventTimer: NodeJS.Timeout | undefined;
  /** Called with each packet of events, once events were asked for. */
  onEvents: (events: RawEvent[]) => void = () => {};
  /** Called once, when the process has ended by itself. */
  onEnd: (error: SandboxError) => void = () => {};

  /** Rejects with ERR_SANDBOX_SETUP or ERR_SYSTEM; then nothing is left. */
  static async start(keeper: Pick<Keeper, 'pidFd' | 'blobFd'>): Promise<FilesClient> {
    return new FilesClient(await SandboxProcess.start(talk(), keeper));
  }

  private constructor(process: SandboxProcess<FileRequest, Answered>) {
    this.#process = process;
    process.onPacket = (bytes) => {
      const answer = decodeFileAnswer(bytes);
      if (!answer) return;
      this.onEvents(decodeEvents(answer.payload));
      this.#nextEventsLater();
    };
    process.onGone = (error) => {
      clearTimeout(this.#eventTimer);
      this.onEnd(error);
    };
  }

  /** Rejects when the process is gone. */
  request(request: FileRequest): Promise<Answered> {
    return this.#process.request(request);
  }

  /** From now on events come. */
  listen(): void {
    this.#nextEvents();
  }

  /** Requests that wait are rejected with `reason`; resolves when the process is gone. */
  async close(reason?: SandboxError): Promise<void> {
    clearTimeout(this.#eventTimer);
    await this.#process.close(
      reason ?? new SandboxError('ERR_SANDBOX_CLOSED', "Cannot reach a sandbox's files: it was closed"),
    );
  }

  #nextEvents(): void {
    try {
      this.#process.send(encodeFileRequest(0, { operation: 'nextEvents' }));
    } catch {
      // The socket is full of requests.
      this.#nextEventsLater();
    }
  }

  #nextEventsLater(): void {
    if (this.#process.ended) return;
    clearTimeout(this.#eventTimer);
    this.#eventTimer = setTimeout(() => this.#nextEvents(), eventsEveryMs);
    this.#eventTimer.unref();
  }
}
