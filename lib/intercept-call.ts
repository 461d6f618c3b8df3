/** A system call that waits for its handler, and what the handler can decide. */

import { Socket } from 'node:net';
import { constants } from 'node:os';
import { logger } from './debug.js';
import { SandboxError } from './errors.js';
import type { ConnectionKind, InterceptConnections } from './intercept-connections.js';
import {
  type Answer,
  interceptAddress,
  interceptDataMost,
  interceptStringMost,
  type Part,
  type Request,
} from './intercept-message.js';
import { native } from './native.js';
import { decodeSocketAddress, type SocketAddress } from './socket-address.js';
import { type SyscallName, syscalls } from './syscalls.js';

const log = logger('intercept');

/** undefined: a pointer to memory that the handler is not shown, or a pointer that is NULL. */
export type InterceptedValue =
  | number
  | bigint
  | string
  | Buffer
  | SocketAddress
  | readonly string[]
  | undefined;

/** What the calls that are most asked about have for arguments; those of others are looked up by name. */
export interface KnownArguments {
  openat: { dirfd: number; path: string; flags: number; mode: number };
  /** The fields of `how` are shown beside it. */
  openat2: {
    dirfd: number;
    path: string;
    how: Buffer;
    flags: number | bigint;
    mode: number | bigint;
    resolve: number | bigint;
  };
  connect: { sockfd: number; addr: SocketAddress | undefined };
  bind: { sockfd: number; addr: SocketAddress | undefined };
  socket: { domain: number; type: number; protocol: number };
  sendto: { sockfd: number; buf: Buffer; flags: number; dest_addr: SocketAddress | undefined };
  sendmsg: { sockfd: number; msg: Buffer; flags: number; address: SocketAddress | undefined };
  execve: { path: string; argv: readonly string[] };
  execveat: { dirfd: number; path: string; argv: readonly string[]; flags: number };
  read: { fd: number; count: number | bigint };
  write: { fd: number; buf: Buffer; count: number | bigint };
  writev: { fd: number; iov: Buffer };
  newfstatat: { dirfd: number; path: string; flags: number };
  readlinkat: { dirfd: number; path: string; bufsiz: number };
  unlinkat: { dirfd: number; path: string; flags: number };
  mkdirat: { dirfd: number; path: string; mode: number };
  renameat2: { olddirfd: number; oldpath: string; newdirfd: number; newpath: string; flags: number };
}

export type InterceptedArguments<Name extends SyscallName = SyscallName> = Readonly<
  Name extends keyof KnownArguments ? KnownArguments[Name] : Record<string, InterceptedValue>
>;

export interface DescriptorOptions {
  /** Close-on-exec; default: as the call asks for it. */
  cloexec?: boolean;
  /** Called once, when the program has its copy or will not get one: for closing `fd`. */
  release?: () => void;
  /**
   * `fd` may be a socket although the sandbox has a network of its own. What the program gets leads to the network in which the
   * socket was made, whatever it is connected to: see docs/intercept.md.
   */
  hostSocket?: boolean;
}

/** What a handler returns; made by the methods of its call. */
export class Decision {
  /** @internal */
  readonly answer: Answer;
  /** @internal */
  readonly stop: Stop;
  #fd: number | undefined;
  /** @internal Resolves when there is a descriptor, where one is being made; rejects when it cannot be had. */
  readonly ready: Promise<void> | undefined;
  readonly #done: ((delivered: boolean) => void) | undefined;
  #settled = false;

  /** @internal */
  constructor(
    stop: Stop,
    answer: Answer,
    fd?: number | Promise<number>,
    done?: (delivered: boolean) => void,
  ) {
    this.stop = stop;
    this.answer = answer;
    if (typeof fd === 'object') {
      this.ready = fd.then((made) => {
        this.#fd = made;
      });
      this.ready.catch(() => {}); // of a decision that nobody takes
    } else {
      this.#fd = fd;
    }
    this.#done = done;
    stop.add(this);
  }

  /** @internal */
  get fd(): number | undefined {
    return this.#fd;
  }

  /** @internal Once: the program has been sent this, or never will be. */
  settle(delivered: boolean): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#done?.(delivered);
  }
}

/** @internal What the handlers of one call share. */
export class Stop {
  readonly request: Request;
  readonly gone = new AbortController();
  readonly #made = new Set<Decision>();
  #over = false;

  constructor(request: Request) {
    this.request = request;
  }

  add(decision: Decision): void {
    if (this.#over) decision.settle(false);
    else this.#made.add(decision);
  }

  /** One was sent, or none: the others come to nothing, and so does what a late handler makes. */
  end(sent?: Decision): void {
    this.#over = true;
    sent?.settle(true);
    for (const decision of this.#made) decision.settle(false);
  }
}

function invalid(call: InterceptedCall, option: string, value: unknown, remedy: string): SandboxError {
  return new SandboxError('ERR_INVALID_OPTION', `Cannot decide ${call.name} so: ${option} is wrong`, {
    path: option,
    value,
    remedy: `Give ${remedy}.`,
  });
}

const errorNumbers = constants.errno as Record<string, number>;
const cloexecBit = 0o2000000; // O_CLOEXEC, SOCK_CLOEXEC and the like
const wordMost = 2n ** 64n;

const shown = (value: bigint): number | bigint =>
  value <= BigInt(Number.MAX_SAFE_INTEGER) && value >= BigInt(Number.MIN_SAFE_INTEGER)
    ? Number(value)
    : value;

function scalar(kind: string, value: bigint): number | bigint | undefined {
  switch (kind) {
    case 'int':
    case 'pid':
    case 'fd':
    case 'dirFd':
    case 'fdOrNone':
      return Number(BigInt.asIntN(32, value));
    case 'uint':
    case 'id':
    case 'mode':
    case 'signal':
    case 'flags':
    case 'enum':
      return Number(BigInt.asUintN(32, value));
    case 'long':
      return shown(BigInt.asIntN(64, value));
    case 'ulong':
    case 'hex':
      return shown(value);
    default:
      return undefined;
  }
}

const isAddressName = (name: string): boolean => name === 'addr' || name === 'dest_addr';

function pointed(name: string, part: Part): InterceptedValue {
  if (part.kind === 'string') return part.bytes.toString('utf8');
  if (part.kind === 'bytes') return isAddressName(name) ? decodeSocketAddress(part.bytes) : part.bytes;
  const strings = part.bytes.toString('utf8').split('\0');
  strings.pop(); // after the last NUL: nothing, or the beginning of what does not fit
  return strings;
}

/** One that waits: the program's thread does not go on before the handler has decided. */
export class InterceptedCall<Name extends SyscallName = SyscallName> {
  /** The call that is made: older names have become newer ones. */
  readonly name: Name;
  /** The name that the program used. */
  readonly originalName: SyscallName;
  /** As the program sees its own. */
  readonly pid: number;
  readonly tid: number;
  /** By the names of docs/syscalls.md. What pointers led to is a copy, with which the call is then made. */
  readonly args: InterceptedArguments<Name>;
  /** The names of arguments that are longer than what is shown, the first 64 KiB. */
  readonly truncated: readonly string[];
  /** How many bytes `bytes()` can give; 0: the call takes none. */
  readonly room: number;
  /** Aborted when nobody waits any more: the time is up, or the thread was interrupted by a signal or has ended. */
  readonly signal: AbortSignal;
  readonly #stop: Stop;
  readonly #next: () => Promise<Decision>;
  readonly #connections: InterceptConnections;

  /** @internal */
  constructor(
    stop: Stop,
    name: Name,
    originalName: SyscallName,
    connections: InterceptConnections,
    next: () => Promise<Decision>,
  ) {
    const { request } = stop;
    this.#stop = stop;
    this.#next = next;
    this.#connections = connections;
    this.name = name;
    this.originalName = originalName;
    this.pid = request.pid;
    this.tid = request.tid;
    this.signal = stop.gone.signal;
    this.room = request.output?.room ?? 0;
    const names = this.#names();
    const values: Record<string, InterceptedValue> = {};
    for (const [i, { kind, value }] of request.arguments.entries())
      values[names[i] as string] = scalar(kind, value);
    for (const part of request.parts) {
      const at = part.argument === interceptAddress ? 'address' : (names[part.argument] as string);
      values[at] = part.argument === interceptAddress ? decodeSocketAddress(part.bytes) : pointed(at, part);
    }
    if (name === 'openat2' && values.how instanceof Buffer && values.how.length >= 24) {
      const { how } = values;
      for (const [i, field] of ['flags', 'mode', 'resolve'].entries())
        values[field] = shown(how.readBigUInt64LE(i * 8));
    }
    this.args = Object.freeze(values) as InterceptedArguments<Name>;
    this.truncated = request.parts
      .filter(({ cut }) => cut)
      .map(({ argument }) => names[argument] ?? 'address');
  }

  /** The bytes of a string argument, where it may be no UTF-8. */
  bytesOf(name: string): Buffer | undefined {
    const index = this.#names().indexOf(name);
    return this.#stop.request.parts.find(({ argument }) => argument === index)?.bytes;
  }

  /**
   * Makes the call, with other values for some arguments: numbers for scalars and descriptors (not lengths), text or
   * bytes for paths and names. The policy judges it again.
   */
  allow(changes: Readonly<Record<string, number | bigint | string | Uint8Array>> = {}): Decision {
    const changed = new Map<number, bigint>();
    const strings = new Map<number, Uint8Array>();
    for (const [name, value] of Object.entries(changes)) {
      const index = this.#names().indexOf(name);
      const argument = this.#stop.request.arguments[index];
      if (!argument) throw invalid(this, name, value, `one of ${this.#names().join(', ')}`);
      if (this.#stop.request.parts.some((part) => part.argument === index && part.kind === 'string')) {
        strings.set(index, this.#string(name, value));
      } else if (scalar(argument.kind, 0n) !== undefined) {
        changed.set(index, this.#word(name, value));
      } else {
        throw invalid(this, name, value, 'a scalar, a descriptor or a path to change');
      }
    }
    return new Decision(this.#stop, { action: 'allow', changed, strings });
  }

  /** Asks the handler that was added before this one; without one, allows. */
  next(): Promise<Decision> {
    return this.#next();
  }

  /** Fails with the name of an errno ('ENOENT') or its number. */
  deny(errno: string | number = 'EPERM'): Decision {
    const number = typeof errno === 'string' ? errorNumbers[errno] : errno;
    if (number === undefined || !Number.isInteger(number) || number < 1 || number > 4095) {
      throw invalid(this, 'errno', errno, 'the name of an error, like "EPERM", or a number from 1 to 4095');
    }
    return new Decision(this.#stop, { action: 'deny', errno: number });
  }

  /** Succeeds with this result, and is not made. */
  value(result: number | bigint): Decision {
    return new Decision(this.#stop, { action: 'value', value: this.#result(result) });
  }

  /**
   * Puts bytes where the call would have, at most `room`, and succeeds with `result`; by default their number for calls
   * like read, 0 for those that fill a structure.
   */
  bytes(data: Uint8Array | string, result?: number | bigint): Decision {
    const bytes = typeof data === 'string' ? Buffer.from(data) : data;
    const { output } = this.#stop.request;
    if (!(bytes instanceof Uint8Array)) throw invalid(this, 'bytes', data, 'text or a Uint8Array');
    if (!output || bytes.length > output.room) {
      throw invalid(
        this,
        'bytes',
        bytes.length,
        output ? `at most ${output.room} bytes` : 'none: the call takes no bytes',
      );
    }
    const counts = this.#stop.request.arguments[output.argument]?.kind !== 'out';
    return new Decision(this.#stop, {
      action: 'give',
      bytes,
      value: this.#result(result ?? (counts ? bytes.length : 0)),
    });
  }

  /**
   * Succeeds with a copy of a descriptor of this process, for calls that make one. Of connect: the socket `fd` takes the
   * place of the program's. No directories, which would lead out of a sandbox, and no disks; sockets only by `hostSocket` where
   * the sandbox has a network of its own.
   */
  fd(fd: number, options: DescriptorOptions = {}): Decision {
    const { addon } = native();
    const kind = addon.describeFd(fd);
    if (kind === 'directory' || kind === 'disk' || kind === 'other') {
      throw invalid(this, 'fd', fd, `a file, socket, pipe or character device; this is a ${kind}`);
    }
    if (this.name === 'connect' && kind !== 'socket')
      throw invalid(this, 'fd', fd, `a socket; this is a ${kind}`);
    if (kind === 'socket' && this.#connections.apart && options.hostSocket !== true) {
      throw invalid(
        this,
        'fd',
        fd,
        'what is no socket, which leads to the network it was made in: use serve(), or set hostSocket',
      );
    }
    const answer: Answer = { action: 'fd', cloexec: options.cloexec ?? this.#wantsCloexec() };
    return new Decision(this.#stop, answer, fd, () => options.release?.());
  }

  /** Succeeds with a descriptor of a file of these bytes, which nobody can change. */
  file(content: Uint8Array | string): Decision {
    const { addon } = native();
    const fd = addon.createMemfd('intercepted', typeof content === 'string' ? Buffer.from(content) : content);
    return this.fd(fd, { release: () => addon.closeFd(fd) });
  }

  /**
   * Succeeds with one end of a connection, whose other end `listener` gets once the program has its own:
   * `call.serve((socket) => httpServer.emit('connection', socket))`. For connect to an IPv4 or IPv6 address it is one of
   * TCP over a loopback interface, which is not this machine's where the sandbox has a network of its own.
   */
  serve(listener: (socket: Socket) => void): Decision {
    const { addon } = native();
    const made = this.#connections.open(this.#connectionKind()).then(([ours, programs]) => {
      try {
        const socket = new Socket({ fd: ours });
        // A program that resets the connection must not end this process where nobody listens.
        socket.on('error', (error) => log('%s: %s', this.name, error.message));
        addon.releaseFd(ours);
        return { socket, programs };
      } catch (error) {
        addon.closeFd(ours);
        addon.closeFd(programs);
        throw error;
      }
    });
    const answer: Answer = { action: 'fd', cloexec: this.#wantsCloexec() };
    return new Decision(
      this.#stop,
      answer,
      made.then(({ programs }) => programs),
      (delivered) => {
        const settle = ({ socket, programs }: { socket: Socket; programs: number }): void => {
          addon.closeFd(programs);
          if (delivered) listener(socket);
          else socket.destroy();
        };
        made.then(settle).catch((error: unknown) => log('%s: %o', this.name, error));
      },
    );
  }

  /** Ends the process by SIGSYS. */
  kill(): Decision {
    return new Decision(this.#stop, { action: 'kill' });
  }

  #connectionKind(): ConnectionKind {
    const { addr } = this.args as { addr?: SocketAddress };
    if (addr?.family === 'inet6') return 'tcp6';
    return addr?.family === 'inet' ? 'tcp4' : 'unix';
  }

  #names(): readonly string[] {
    return syscalls().get(this.name)?.arguments ?? [];
  }

  #wantsCloexec(): boolean {
    const { flags, type } = this.args as { flags?: number | bigint; type?: number };
    return (BigInt(flags ?? type ?? 0) & BigInt(cloexecBit)) !== 0n;
  }

  #string(name: string, value: unknown): Uint8Array {
    const bytes = typeof value === 'string' ? Buffer.from(value) : value;
    if (!(bytes instanceof Uint8Array) || bytes.includes(0) || bytes.length >= interceptStringMost) {
      throw invalid(
        this,
        name,
        value,
        `text or bytes without NUL, shorter than ${interceptStringMost} bytes`,
      );
    }
    return bytes;
  }

  #word(name: string, value: unknown): bigint {
    const whole = typeof value === 'bigint' || Number.isSafeInteger(value);
    const word = whole ? BigInt(value as number) : wordMost;
    if (word >= wordMost || word < -(wordMost / 2n))
      throw invalid(this, name, value, 'a whole number of 64 bits');
    return BigInt.asUintN(64, word);
  }

  #result(value: number | bigint): bigint {
    const whole = typeof value === 'bigint' || Number.isSafeInteger(value);
    if (!whole || value < 0 || BigInt(value) >= wordMost / 2n) {
      throw invalid(this, 'result', value, 'a whole number from 0 to 2^63-1');
    }
    return BigInt(value);
  }
}

/** Of bytes in one message, either way. */
export const mostInterceptedBytes = interceptDataMost;
