/**
 * The test harness: `import * as harness from 'barchan/harness'`. `harness.run()` runs a sample, or an attack of the corpus, in a
 * sandbox of its own and says what it did and what held it (docs/harness.md).
 *
 * @module harness
 */
export type {
  AuditedMoment,
  AuditedProcess,
  AuditedProgram,
  AuditedRefusal,
  FileUse,
} from '../audit.js';
export { type ErrorCode, SandboxError, type SandboxErrorDetails } from '../errors.js';
export {
  type Behaviour,
  type BehaviourChange,
  type BehaviourOptions,
  type BehaviourPart,
  behaviour,
  compareBehaviour,
  parseBehaviour,
} from './behaviour.js';
export { type Attack, attacks, type Control, type Layer, layers } from './metadata.js';
export { VirtualNetwork, type VirtualNetworkOptions } from './network.js';
export type { DnsAnswer, DnsQuestion } from './network-dns.js';
export type { HttpHandler, VirtualRequest, VirtualResponse } from './network-http.js';
export type { ServiceOptions, VirtualConnection, VirtualDatagram } from './network-services.js';
export type { HarnessOptions, HarnessProgress } from './options.js';
export { formatReport, type ReportFormat, type ReportOptions, reportFormats } from './report.js';
export { run } from './run.js';
export type { Sample } from './sample.js';
export {
  type DroppedFile,
  type Evidence,
  type Verdict,
  type VerdictAttempt,
  type VerdictExecutable,
  type VerdictFault,
  type VerdictFile,
  type VerdictFlow,
  type VerdictLimit,
  type VerdictName,
  type VerdictSample,
  type VerdictSocket,
  type VerdictSyscall,
  verdictVersion,
} from './verdict.js';
