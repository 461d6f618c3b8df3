// Purpose: what the monitor of a debugged program and Node say to each other (docs/debug.md, docs/adr/0014-debug.md).
// Owner:   abi; spoken by monitor/debug/ and lib/vm/message.ts (little-endian, packed as below).
// Trust:   commands come from Node; events carry GUEST values in copies. Both sides check sizes. No guest has the socket.
//
// One SOCK_SEQPACKET pair for each program. Node sends commands and gets a reply with the same `id` to each; events have
// id 0. Every event means that no thread of the guest runs guest code any more, until kDebugResume.
#ifndef BARCHAN_ABI_DEBUG_H
#define BARCHAN_ABI_DEBUG_H

#include "host/types.h"

namespace barchan::abi {

constexpr u32 kDebugMagic = 0x47554244;  // "DBUG"
constexpr u32 kDebugDataMost = 64 << 10;

enum DebugOperation : u32 {
  kDebugThreads = 1,        // reply: DebugThread of each
  kDebugGetRegisters = 2,   // of `tid`; reply: DebugRegisters
  kDebugSetRegisters = 3,   // of `tid`, which must be parked: DebugRegisters; `call` is not looked at
  kDebugGetState = 4,       // of `tid`: its XSAVE area, uncompacted
  kDebugSetState = 5,       // the same back
  kDebugRead = 6,           // `length` bytes at `address`; reply: as many as there are
  kDebugWrite = 7,          // data to `address`
  kDebugSetBreakpoint = 8,  // at `address`
  kDebugClearBreakpoint = 9,
  kDebugResume = 10,     // data: DebugAction of some threads; `kinds`: DebugGo of all others
  kDebugInterrupt = 11,  // an event follows unless the guest is stopped
  kDebugCalls = 12,      // data: DebugCalls
  kDebugFinish = 13,     // `tid` stands before a call: it is not made and returns `address`
  kDebugTrap = 14,       // pages of [address, address + length): `kinds` of DebugAccess; 0: none
  kDebugCover =
      15,  // `kinds` of DebugAccess are noted page by page; 0: no longer, and what was noted is forgotten
  kDebugCovered =
      16,  // from the place `address` on; reply: pages with kinds in the low bits; `a`: the next place or 0
  kDebugMappings = 17,  // that end above `address`; reply: DebugMapping of some
  kDebugDetach = 18,    // breakpoints and traps go, all threads run
};

enum DebugAccess : u32 { kDebugReads = 1, kDebugWrites = 2, kDebugExecutes = 4 };

enum DebugGo : u32 {
  kDebugStay = 0,
  kDebugRun = 1,
  kDebugStep = 2,      // one instruction, a system call included
  kDebugStepOver = 3,  // one instruction; a system call counts as over before it is made
};

enum DebugEvent : u32 {
  kDebugStarted = 1,     // before the first instruction: DebugProgram, then the program's path
  kDebugExecuted = 2,    // the same, of what the program has become; everything that was set is gone
  kDebugBreakpoint = 3,  // before the instruction there
  kDebugStepped = 4,
  kDebugInterrupted = 5,
  kDebugFault =
      6,  // `a`: signal, `b`: si_code, `c`: si_addr; it goes to the guest unless DebugAction drops it
  kDebugCallEntry = 7,   // `a`: number
  kDebugCallReturn = 8,  // `a`: number, `b`: result, which is in RAX
  kDebugTrapped = 9,     // before the access: `a`: address, `b`: DebugAccess
};

struct DebugCommand {
  u32 magic;
  u32 size;  // of the message
  u32 id;    // not 0
  u32 operation;
  i32 tid;
  u32 kinds;
  u64 address, length;
};
static_assert(sizeof(DebugCommand) == 40);

struct DebugMessage {
  u32 magic;
  u32 size;   // of the message
  u32 id;     // of the command, or 0
  u32 event;  // or the command's operation
  i32 tid;
  i32 error;  // a positive errno
  u64 a, b, c;
};
static_assert(sizeof(DebugMessage) == 48);

// As monitor/thread.h has them.
struct DebugRegisters {
  u64 general[16];  // RAX RBX RCX RDX RSI RDI RBP RSP R8 ... R15
  u64 rip, rflags;
  u64 fs_base, gs_base;
  u64 call;  // the number of the system call that it is in, or ~0
};
static_assert(sizeof(DebugRegisters) == 168);

enum DebugThreadState : u32 { kDebugRunning = 0, kDebugParked = 1, kDebugInCall = 2 };
struct DebugThread {
  i32 tid;
  u32 state;
};

struct DebugAction {
  i32 tid;
  u32 go;
  u32 signal;  // 0: a fault that it has stopped for is dropped; else sent, or, if it is the fault's, delivered
  u32 pad;
};

struct DebugCalls {
  u64 entry[8], leave[8];  // bit n: call n
};

struct DebugMapping {
  u64 start, end;
  u32 prot;
  u32 flags;  // 1: shared, 2: of a file
};

struct DebugProgram {
  u64 stack;  // where argc lies
  u64 state_size;
  u64 state_features;  // XCR0
};

}  // namespace barchan::abi

#endif
