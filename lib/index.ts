export type { MonitorBreach } from './breach.js';
export {
  Chaos,
  type ChaosCalls,
  type ChaosDescription,
  type ChaosOptions,
  type ChaosPreset,
  type ChaosRule,
  type ChaosWhen,
} from './chaos.js';
export type { Counts } from './counters.js';
export { type DoctorCheck, type DoctorOptions, type DoctorReport, doctor } from './doctor.js';
export type { SandboxCheck, SandboxReport } from './doctor-sandbox.js';
export { type ErrorCode, errorCodes, SandboxError, type SandboxErrorDetails } from './errors.js';
export type {
  BreachEvent,
  CallDetails,
  DropEvent,
  EventAddress,
  EventArgument,
  EventBase,
  EventCounters,
  EventFilter,
  EventKind,
  EventOf,
  EventOptions,
  EventStreamOptions,
  ExecEvent,
  ExitEvent,
  FaultEvent,
  ForkEvent,
  InjectionEvent,
  LimitEvent,
  LogEvent,
  SandboxEvent,
  SignalEvent,
  SyscallEvent,
  ViolationEvent,
} from './event-types.js';
export type {
  FileEntry,
  FileOptions,
  ListOptions,
  ReadOptions,
  ReadStreamOptions,
  SandboxFiles,
  WriteOptions,
} from './files.js';
export type { SandboxPath } from './files-errors.js';
export type { FileStat, FileType } from './files-message.js';
export type { FileEvent } from './files-watch.js';
export type { ImageConfig } from './image/config.js';
export type { ImageLimits } from './image/limits.js';
export type { ImageOptions, LoadOptions } from './image/load.js';
export {
  type CacheOptions,
  type ImageInfo,
  listImages,
  loadImage,
  type PruneOptions,
  pruneImages,
  removeImage,
} from './image/manage.js';
export type { SandboxImage } from './image/rootfs.js';
export {
  callGroups,
  type InterceptHandler,
  type Interception,
  type InterceptOptions,
} from './intercept.js';
export type {
  Decision,
  DescriptorOptions,
  InterceptedArguments,
  InterceptedCall,
  InterceptedValue,
  KnownArguments,
} from './intercept-call.js';
export type {
  BindMount,
  ImageRootfs,
  Isolation,
  IsolationOptions,
  Mount,
  Network,
  RlimitName,
  Rlimits,
  RlimitValue,
  Rootfs,
  SandboxUser,
  TmpfsMount,
  Weaker,
  WritableLayer,
} from './isolation.js';
export type { Amount, IoLimits, LimitKeeper, LimitName, Limits, WeakenableLimit } from './limits.js';
export type { ProcessorTime, ProgramMetrics, SandboxMetrics } from './metrics.js';
export type {
  CommonOptions,
  ExecOptions,
  Input,
  KillSignal,
  RunOptions,
  SandboxOptions,
  SpawnOptions,
  Stdio,
  StdioEntry,
} from './options.js';
export {
  type ArgumentCondition,
  type CallConditions,
  type CallPattern,
  type NetworkRule,
  Policy,
  type PolicyDescription,
  type PolicyProfile,
  type PolicyRule,
  type SyscallFamily,
  type SyscallName,
} from './policy.js';
export type {
  EndingLimit,
  GuestProcess,
  PipedProcess,
  ProcessEvents,
  ProcessExit,
  TerminalProcess,
  Usage,
} from './process.js';
export { run } from './run.js';
export { type ExecResult, Sandbox } from './sandbox.js';
export type { SocketAddress } from './socket-address.js';
export type { TerminalSize } from './terminal.js';
