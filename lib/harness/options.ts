/** The options of harness.run(). */
import type { ImageRootfs, IsolationOptions, Rootfs } from '../isolation.js';
import type { Input, SandboxOptions } from '../options.js';
import type { VirtualNetwork } from './network.js';

/** A moment of a run. */
export interface HarnessProgress {
  phase: 'preparing' | 'running' | 'collecting';
  elapsedMs: number;
  /** What has been told so far. */
  events: number;
  syscalls: number;
  /** Processes that were made, the first one included. */
  processes: number;
}

export interface HarnessOptions
  extends Pick<
    IsolationOptions,
    'mounts' | 'hostname' | 'user' | 'rlimits' | 'limits' | 'scratchBytes' | 'allowWeaker'
  > {
  /** Default 'default'; for an attack what it asks for itself. */
  policy?: SandboxOptions['policy'];
  /**
   * What is shown as /. Default: the host's files, with a layer in memory that takes changes; for an attack, and with 'host',
   * without it. A folder or image has that layer unless `writable` says otherwise.
   */
  rootfs?: 'host' | Rootfs | ImageRootfs | undefined;
  /**
   * `none`, the default: no interface is up. `loopback`: 127.0.0.1 and ::1 of the sandbox's own. `virtual`, or a network of one's own
   * making: whatever the sample connects to is answered (docs/virtual-network.md).
   */
  network?: 'none' | 'loopback' | 'virtual' | VirtualNetwork | undefined;
  /** A file that is written with the packets of the virtual network. */
  pcap?: string | undefined;
  /** More arguments for the sample. */
  args?: readonly string[] | undefined;
  /** Default: PATH, HOME and LANG, nothing of this process's. */
  env?: NodeJS.ProcessEnv | undefined;
  /** Absolute, inside. Default /tmp. */
  cwd?: string | undefined;
  /** Written to the sample's standard input, which is then closed. Default: nothing. */
  stdin?: Input | undefined;
  /** Whole milliseconds after which the sample is ended, from 1. Default 60,000; for an attack its own. */
  timeoutMs?: number | undefined;
  /** Ends the sample; the call rejects with ERR_ABORTED. */
  signal?: AbortSignal | undefined;
  /** Path of the KVM device; default /dev/kvm. */
  kvmDevice?: string | undefined;
  /** How the verdict calls the sample. */
  name?: string | undefined;
  /** Called when a phase begins, and every `progressMs` (default 1000) while the sample runs. */
  onProgress?: ((progress: HarnessProgress) => void) | undefined;
  progressMs?: number | undefined;
  keep?:
    | {
        /** Bytes of each of stdout and stderr; more is counted and thrown away. Default 64 KiB. */
        output?: number | undefined;
        /** Bytes of each dropped file. Default 64 KiB. */
        file?: number | undefined;
        /** Bytes of all dropped files together. Default 16 MiB. */
        files?: number | undefined;
        /** The largest dropped file of which a hash is made. Default 64 MiB. */
        hashed?: number | undefined;
        /** How many files are looked at. Default 20,000. */
        entries?: number | undefined;
        /** Of one system call that is only counted, how many are looked at. Default 200,000. */
        calls?: number | undefined;
      }
    | undefined;
}

export type Kept = { [Name in keyof NonNullable<HarnessOptions['keep']>]-?: number };

export const defaultKept: Kept = {
  output: 64 * 1024,
  file: 64 * 1024,
  files: 16 * 1024 ** 2,
  hashed: 64 * 1024 ** 2,
  entries: 20_000,
  calls: 200_000,
};
export const defaultTimeoutMs = 60_000;
export const defaultProgressMs = 1000;
