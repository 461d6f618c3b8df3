/** The talk with the process that opens sockets for a sandbox's programs (native/network, native/abi/network.h). */
import { logger } from './debug.js';
import { errnoText, SandboxError } from './errors.js';
import type { Keeper } from './keeper.js';
import { native } from './native.js';
import { SandboxProcess, type Talk } from './sandbox-process.js';

const requestSize = 32;
const answerSize = 8;
/** EMFILE: there was no room for the descriptors here. */
const noRoom = 24;

export interface SocketAt {
  kind: 'stream' | 'datagram';
  /** 4 or 16 bytes, as in a packet. */
  address: Uint8Array;
  port: number;
}

/** As in native/abi/network.h. */
const types = { stream: 1, datagram: 2, tcp4: 3, tcp6: 3, unix: 4 } as const;
const noAddress = new Uint8Array(4);

interface Request {
  kind: keyof typeof types;
  address: Uint8Array;
  port: number;
  /** How many descriptors come. */
  wanted: 1 | 2;
}

function encode(id: number, { kind, address, port }: Request): Buffer {
  const request = Buffer.alloc(requestSize);
  request.writeUInt32LE(id, 0);
  request.writeUInt32LE(types[kind], 4);
  request.writeUInt32LE(address.length === 16 ? 1 : 0, 8);
  request.writeUInt32LE(port, 12);
  request.set(address, 16);
  return request;
}

const gone = (): SandboxError =>
  new SandboxError('ERR_SYSTEM', "Cannot open a socket: the process in the sandbox's network has ended");

const talk = (apart: boolean): Talk<Request, number[]> => ({
  program: native().networkPath,
  args: apart ? ['apart'] : [],
  log: logger('network'),
  messageMost: 4096,
  mostInFlight: 16,
  holdsNode: false,
  encode,
  idOf: (bytes) => (bytes.length === answerSize ? bytes.readUInt32LE(0) : undefined),
  decode: ({ bytes, fds }, { wanted }) => {
    if (fds.length === wanted) return fds;
    const errno = bytes.readUInt32LE(4) || noRoom;
    throw new SandboxError('ERR_SYSTEM', `Cannot open a socket in a sandbox's network: ${errnoText(errno)}`, {
      errno,
    });
  },
  unsent: (cause) => new SandboxError('ERR_SYSTEM', "Cannot open a socket in a sandbox's network", { cause }),
  gone,
});

export class NetworkSockets {
  readonly #process: SandboxProcess<Request, number[]>;
  /** Told once when the process ends and nobody has closed it. */
  onGone: ((error: SandboxError) => void) | undefined;

  /** `apart`: not in the sandbox's network but in an empty one. Rejects with ERR_SANDBOX_SETUP or ERR_SYSTEM; then nothing is left. */
  static async start(
    keeper: Pick<Keeper, 'pidFd' | 'blobFd'>,
    { apart = false } = {},
  ): Promise<NetworkSockets> {
    return new NetworkSockets(await SandboxProcess.start(talk(apart), keeper));
  }

  private constructor(process: SandboxProcess<Request, number[]>) {
    this.#process = process;
    process.onGone = (error) => this.onGone?.(error);
  }

  /**
   * A bound socket, of streams a listening one, which is the caller's to close through the addon. Rejects with ERR_SYSTEM, where
   * `errno` says why it could not be had.
   */
  async open({ kind, address, port }: SocketAt): Promise<number> {
    const [fd] = await this.#process.request({ kind, address, port, wanted: 1 });
    return fd as number;
  }

  /** Both ends of a connection, the first non-blocking; as open(). */
  async openPair(kind: 'unix' | 'tcp4' | 'tcp6'): Promise<[number, number]> {
    const address = kind === 'tcp6' ? new Uint8Array(16) : noAddress;
    return (await this.#process.request({ kind, address, port: 0, wanted: 2 })) as [number, number];
  }

  /** The process is gone, or leaves. */
  get ended(): boolean {
    return this.#process.ended;
  }

  /** Resolves when the process is gone. */
  close(): Promise<void> {
    return this.#process.close(gone());
  }
}
