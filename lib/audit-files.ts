/** Follows which file a call means: working directories and descriptors of the processes of a program, from their calls. */
import { posix } from 'node:path';
import type { ForkEvent, SyscallEvent } from './event-types.js';

const atFdCwd = -100;
/** Of descriptors for each process; a program that has more is followed less well. */
const mostDescriptors = 4096;
/** Of all processes together: one that forks without end takes the memory of whoever looks on. */
const mostInAll = 200_000;

interface ProcessState {
  cwd: string;
  files: Map<number, string>;
}

/** Low 32 bits, signed, as the kernel reads descriptors and flags. */
export function word(event: SyscallEvent, index: number): number {
  return Number(BigInt.asIntN(32, event.arguments[index]?.value ?? 0n));
}

export class FileTracker {
  readonly #initial: string;
  readonly #processes = new Map<number, ProcessState>();
  /** At least as many as there are. */
  #descriptors = 0;

  constructor(cwd: string) {
    this.#initial = cwd;
  }

  knows(pid: number): boolean {
    return this.#processes.has(pid);
  }

  begin(pid: number): void {
    this.#processes.set(pid, { cwd: this.#initial, files: new Map() });
  }

  fork({ pid, child, thread }: ForkEvent): void {
    if (thread) return;
    const parent = this.#state(pid);
    if (this.#descriptors + parent.files.size > mostInAll) this.#forgetFiles();
    this.#descriptors += parent.files.size;
    this.#processes.set(child, { cwd: parent.cwd, files: new Map(parent.files) });
  }

  end(pid: number): void {
    this.#descriptors -= this.#processes.get(pid)?.files.size ?? 0;
    this.#processes.delete(pid);
  }

  /** Of the processes that began first, many of which are gone without a word, until half is left. */
  #forgetFiles(): void {
    this.#descriptors = 0;
    for (const { files } of this.#processes.values()) this.#descriptors += files.size;
    for (const { files } of this.#processes.values()) {
      if (this.#descriptors <= mostInAll / 2) return;
      this.#descriptors -= files.size;
      files.clear();
    }
  }

  /** The absolute name of what argument `pathIndex`, relative to descriptor argument `dirIndex`, leads to. */
  path(event: SyscallEvent, pathIndex: number, dirIndex?: number): string | undefined {
    const name = event.arguments[pathIndex]?.string;
    if (name === undefined) return undefined;
    const state = this.#state(event.pid);
    const fd = dirIndex === undefined ? atFdCwd : word(event, dirIndex);
    const from = fd === atFdCwd ? state.cwd : (state.files.get(fd) ?? `/dev/fd/${fd}`);
    return posix.resolve(from, name);
  }

  file(event: SyscallEvent, fd: number): string | undefined {
    return this.#state(event.pid).files.get(fd);
  }

  opened(event: SyscallEvent, path: string): void {
    const { files } = this.#state(event.pid);
    if (event.result === undefined || files.size >= mostDescriptors) return;
    const before = files.size;
    files.set(Number(event.result), path);
    this.#descriptors += files.size - before;
    if (this.#descriptors > mostInAll) this.#forgetFiles();
  }

  /** A successful call that changes what names and descriptors mean. */
  follow(event: SyscallEvent): void {
    const state = this.#state(event.pid);
    switch (event.syscall) {
      case 'chdir':
        state.cwd = this.path(event, 0) ?? state.cwd;
        break;
      case 'fchdir':
        state.cwd = state.files.get(word(event, 0)) ?? state.cwd;
        break;
      case 'close':
        state.files.delete(word(event, 0));
        break;
      case 'dup':
      case 'dup2':
      case 'dup3':
      case 'fcntl': {
        const path = state.files.get(word(event, 0));
        const copies = event.syscall !== 'fcntl' || [0, 1030].includes(word(event, 1)); // F_DUPFD, _CLOEXEC
        if (!copies) break;
        if (path !== undefined) this.opened(event, path);
        else state.files.delete(Number(event.result));
        break;
      }
      default:
    }
  }

  #state(pid: number): ProcessState {
    if (!this.#processes.has(pid)) this.begin(pid);
    return this.#processes.get(pid) as ProcessState;
  }
}
