/**
 * Where the native parts are, and the addon's interface. Everything is found and loaded on first use, so
 * that importing the package works, and explains itself, on a machine where it cannot run.
 */
import { accessSync, constants, existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { SandboxError } from './errors.js';
import { packageRoot as root } from './package-root.js';

export interface KvmDevice {
  fd: number;
  apiVersion: number;
  capabilities: Record<string, number>;
}

export interface Watcher {
  /** What to wait for, beside the end. */
  select(readable: boolean, writable: boolean): void;
  /** For nothing, until select(). */
  stop(): void;
  /** Before the descriptor is closed. */
  close(): void;
  ref(): void;
  unref(): void;
}

/** The reader's side of native/abi/events.h. */
export interface EventRing {
  readonly memoryFd: number;
  readonly wakeFd: number;
  /** Records in the order of what happened, at most `most`; their `time` is microseconds since 1970. */
  drain(most: number): Buffer;
  /** Asks for `onWake`. False when there is something to read already. */
  sleep(): boolean;
  /** Bits of EventControl::watch, and of the calls that are wanted. */
  watch(kinds: number, calls: BigUint64Array): void;
  counters(): { dropped: number; lost: number; malformed: number };
  /** Pre: no program is left that could write. */
  resetClaims(): void;
  close(): void;
}

export interface Addon {
  /** Throws with ERR_SYSTEM. `onWake` must not throw. */
  createEventRing(slots: number, block: boolean, onWake: () => void): EventRing;
  /** Opens and verifies; throws with ERR_KVM_NOT_FOUND, ERR_KVM_PERMISSION, ERR_KVM_UNSUPPORTED, ERR_SYSTEM. */
  openDevice(path: string): KvmDevice;
  /** A memfd that holds `bytes` and can no longer change. */
  createMemfd(name: string, bytes: Uint8Array): number;
  /** A memfd of `size` bytes, which can be written and no longer change its size. */
  createSharedMemory(name: string, size: number): number;
  /** [read end, write end], close-on-exec. */
  createPipe(nonblockingRead: boolean): [number, number];
  /** Two ends of a unix socket pair, the first non-blocking; of packets or a stream. */
  createSocketPair(packets: boolean): [number, number];
  /** Two ends of a TCP connection over the loopback interface, the first non-blocking. */
  createTcpPair(ipv6: boolean): [number, number];
  /** null: none now; without bytes: the other end is gone; `cut`: it was larger, or had more descriptors, than fits. */
  receiveMessage(fd: number, most: number): { bytes: Buffer; fds: number[]; cut: boolean } | null;
  /** False when the other end is gone. Never waits. */
  sendMessage(fd: number, bytes: Uint8Array, descriptor?: number): boolean;
  describeFd(fd: number): 'file' | 'socket' | 'pipe' | 'device' | 'directory' | 'disk' | 'other';
  /** A pseudoterminal: [our side, non-blocking; the program's]. */
  openTerminal(cols: number, rows: number): [number, number];
  resizeTerminal(fd: number, cols: number, rows: number): void;
  /** null: nothing now; empty: the end. */
  readFd(fd: number): Buffer | null;
  /** How many bytes were taken; 0: none now. */
  writeFd(fd: number, bytes: Uint8Array): number;
  /** Calls back when a descriptor is ready, or its other end is gone. Does not hold Node unless ref() was called. */
  Watcher: new (
    fd: number,
    callback: (readable: boolean, writable: boolean, gone: boolean) => void,
  ) => Watcher;
  /** Refers to a child, which is killed with this environment (worker) unless closeFd() came before. */
  openPidfd(pid: number): number;
  /** Closes what the addon has opened; Node's own closeSync() would warn in a worker. */
  closeFd(fd: number): void;
  /** Leaves what the addon has opened to a new owner, who closes it. */
  releaseFd(fd: number): void;
  /** flock(2) without waiting; false when somebody else's lock is in the way. */
  lockFile(fd: number, exclusive: boolean): boolean;
  /** Until all that was written to the file system of `fd` is on the disk. */
  syncFilesystem(fd: number): Promise<void>;
  /** Ends this process by a signal's default action, without a core file. */
  dieBySignal(signal: number): void;
  /** Ends this process at once; terminal settings stay as the guest left them. */
  exitNow(status: number): never;
}

export interface Native {
  addon: Addon;
  addonPath: string;
  monitorPath: string;
  supervisorPath: string;
  keeperPath: string;
  filesPath: string;
  networkPath: string;
}

const rebuild =
  'Install again without --ignore-scripts, or in a source checkout run "npm run build" (needs python3, make, g++).';

let loaded: Native | undefined;

/** Throws ERR_UNSUPPORTED_PLATFORM or ERR_NATIVE_NOT_BUILT. */
export function native(): Native {
  loaded ??= load();
  return loaded;
}

function load(): Native {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new SandboxError(
      'ERR_UNSUPPORTED_PLATFORM',
      `Cannot run on ${process.platform} ${process.arch}: barchan needs Linux on x64`,
    );
  }
  const require = createRequire(import.meta.url);
  const build = require('node-gyp-build') as { path(dir: string): string };
  let addonPath: string;
  let addon: Addon;
  try {
    addonPath = build.path(root);
    addon = require(addonPath) as Addon;
  } catch (cause) {
    throw new SandboxError('ERR_NATIVE_NOT_BUILT', `Cannot load the native addon below ${root}`, {
      path: root,
      remedy: rebuild,
      cause,
    });
  }
  const folder = dirname(addonPath);
  return {
    addon,
    addonPath,
    monitorPath: executable(join(folder, 'barchan-monitor')),
    supervisorPath: executable(join(folder, 'barchan-supervisor')),
    keeperPath: executable(join(folder, 'barchan-keeper')),
    filesPath: executable(join(folder, 'barchan-files')),
    networkPath: executable(join(folder, 'barchan-network')),
  };
}

function executable(path: string): string {
  try {
    accessSync(path, constants.X_OK);
    return path;
  } catch (cause) {
    const what = existsSync(path) ? 'is not executable' : 'does not exist';
    throw new SandboxError('ERR_NATIVE_NOT_BUILT', `Cannot use ${path}: it ${what}`, {
      path,
      remedy: rebuild,
      cause,
    });
  }
}
