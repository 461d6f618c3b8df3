/** `barchan/vm`: programs under a debugger's control (docs/debug.md). */
export { VmInspection } from './inspection.js';
export type { Action, Go } from './message.js';
export type { RegisterName, Registers } from './registers.js';
export type {
  AccessKind,
  CoveredPage,
  MemoryMapping,
  PageAccess,
  ResumeOptions,
  VmStop,
  VmThread,
  Watchpoint,
} from './types.js';
export { type ProgramStart, Vm } from './vm.js';
