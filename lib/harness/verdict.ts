/**
 * What a sample did and what held it: the form that a run of the harness returns, reports are made of, and matchers read.
 *
 * Plain data: `JSON.stringify` and back loses nothing. Every text and byte in it may be the sample's own doing. Lists are bounded
 * (`omitted` counts what was left out), times are milliseconds since the start of the run.
 */
import type { AuditedMoment, AuditedProcess, AuditedProgram, AuditedRefusal, FileUse } from '../audit.js';
import type { EventAddress } from '../event-types.js';
import type { Layer } from './metadata.js';

/** Goes up when a field changes its meaning or goes away, not when one is added. */
export const verdictVersion = 1;

export interface VerdictSample {
  /** As the caller named it; by default the name of the program's file. */
  name: string;
  argv: string[];
  /** Of the program's file, hexadecimal; undefined when it could not be read from outside. */
  sha256: string | undefined;
}

export interface VerdictFile {
  path: string;
  uses: FileUse[];
  /** Calls on it that succeeded, and that failed. */
  calls: number;
  failures: number;
  /** Names of errnos, each once. */
  errors: string[];
}

/** A file that was there after the run and not before, or whose bytes changed. */
export interface DroppedFile {
  path: string;
  change: 'created' | 'changed';
  kind: 'file' | 'symlink';
  /** Octal permissions as a number, as of stat(2), without the kind. */
  mode: number;
  size: number;
  /** Of the whole file, hexadecimal; undefined when it is larger than was read. */
  sha256: string | undefined;
  /** Base64 of the first bytes, or of a symbolic link's target. */
  bytes: string;
  /** There is more than `bytes` holds. */
  truncated: boolean;
}

/** A connection or datagram that the sample asked for. */
export interface VerdictSocket {
  use: 'connect' | 'bind' | 'send';
  address: EventAddress;
  calls: number;
  failures: number;
  errors: string[];
}

/** A question to a name server; with the virtual network also its answer. */
export interface VerdictName {
  name: string;
  /** A, AAAA, TXT, ...; TYPEn for one without a name. */
  type: string;
  /** Addresses or texts that were given; undefined: no answer. */
  answer: string[] | undefined;
  calls: number;
  firstMs: number;
}

/** Talk over the virtual network, by connection. */
export interface VerdictFlow {
  protocol: 'tcp' | 'udp';
  /** Host as the sample named it, if a name of its led to the address. */
  host: string | undefined;
  address: string;
  port: number;
  /** What the far end was: the name of the service that answered. */
  service: string;
  sentBytes: number;
  receivedBytes: number;
  /** Base64 of the first bytes that the sample sent. */
  sent: string;
  startMs: number;
  endMs: number | undefined;
}

export interface VerdictSyscall {
  name: string;
  calls: number;
  failures: number;
  firstMs: number;
  /** There were more: after so many, this call was no longer looked at. */
  atLeast?: true;
}

export interface VerdictFault {
  signal: string;
  code: number;
  /** Hexadecimal with 0x. */
  address: string;
  instruction: string;
  vector: number;
  pid: number;
  atMs: number;
  count: number;
}

/** Memory that a call made executable. */
export interface VerdictExecutable {
  syscall: 'mmap' | 'mprotect' | 'pkey_mprotect' | 'shmat' | 'remap_file_pages';
  /** Hexadecimal with 0x; undefined when the call failed. */
  address: string | undefined;
  bytes: number;
  /** It was writable at the same time, or had been. */
  writable: boolean;
  /** Backed by no file. */
  anonymous: boolean;
  errno: string | undefined;
  pid: number;
  atMs: number;
  count: number;
}

export interface VerdictLimit {
  limit: string;
  syscall: string | undefined;
  errno: string | undefined;
  count: number;
  firstMs: number;
}

/** One thing that shows what held, in a sentence, and what it was read from. */
export interface Evidence {
  layer: Layer;
  kind: 'attempt' | 'denied' | 'fault' | 'limit' | 'breach' | 'errno' | 'expected' | 'end';
  text: string;
  atMs: number | undefined;
}

export interface VerdictAttempt {
  name: string;
  /** An errno's or a signal's name; undefined: it worked. */
  stopped: string | undefined;
}

export interface Verdict {
  barchanVerdict: typeof verdictVersion;
  sample: VerdictSample;
  /** Version of barchan, as of package.json. */
  barchan: string;
  /** Where it ran: `barchan:default`, `native`, `bwrap`, ... */
  isolation: string;
  /** ISO 8601 */
  started: string;
  durationMs: number;
  exit: { exitCode: number | null; signal: string | null; timedOut: boolean };
  /** First bytes of what was written, as text with U+FFFD for what is no UTF-8. */
  stdout: { text: string; bytes: number; truncated: boolean };
  stderr: { text: string; bytes: number; truncated: boolean };
  /** Nothing was dropped, lost or left out. */
  complete: boolean;
  missing: { dropped: number; lost: number; malformed: number };
  omitted: number;
  programs: AuditedProgram[];
  processes: AuditedProcess[];
  files: VerdictFile[];
  dropped: DroppedFile[];
  /** Paths that were there before the run and not after. */
  deleted: string[];
  sockets: VerdictSocket[];
  names: VerdictName[];
  flows: VerdictFlow[];
  syscalls: VerdictSyscall[];
  denied: AuditedRefusal[];
  faults: VerdictFault[];
  executable: VerdictExecutable[];
  /** Code that the sample ran after it had written it, as far as calls show it (see docs/harness.md). */
  selfModification: boolean;
  limits: VerdictLimit[];
  timeline: AuditedMoment[];
  /** What an attack program reported of itself (corpus/attack.h); empty for other samples. */
  attempts: VerdictAttempt[];
  /** Harmless things that an attack program had to be able to do and could not, as "NAME ERRNO". */
  failedControls: string[];
  /** What of the host the sample reached, in a sentence each: the harness watches a file, a process and a port outside. */
  reached: string[];
  /**
   * No attempt worked, nothing was reached outside the sandbox, and no layer was broken. `undefined` for a run without isolation
   * that shows nothing of it.
   */
  contained: boolean | undefined;
  /** The first layer, from the processor outwards, that stopped what was tried; undefined: nothing had to be stopped. */
  stoppedBy: Layer | undefined;
  evidence: Evidence[];
}
