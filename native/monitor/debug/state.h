// Purpose: what a debugger's stop needs to know of one thread.
// Owner:   monitor/debug; part of Thread. Threads: as each field says.
#ifndef BARCHAN_MONITOR_DEBUG_STATE_H
#define BARCHAN_MONITOR_DEBUG_STATE_H

#include "host/types.h"

namespace barchan::debug {

// Where a thread is. Its own but for kInside -> kKicking -> kKicked, which is who stops it.
enum Place : u32 {
  kOutside,  // runs no guest code: its registers can be read
  kInside,
  kKicking,  // about to be sent a signal
  kKicked,   // has been sent it
};

struct State {
  u32 held;    // futex: 1 while it must not enter the guest
  u32 place;   // futex
  u32 parked;  // 1: it waits at the border, and its registers may be written
  u32 call;    // the system call that it is in + 1, or 0
  u32 go;      // abi::DebugGo, while it is not held
  // Its own, while it stands before a call (kDebugCallEntry): what Node has answered in the call's place.
  bool finished;
  i64 result;
  u32 fault;   // the signal of the fault that it has stopped for, or 0
  u32 signal;  // with which it goes on
  // Its own, for the instruction that is stepped.
  bool adds_trap_flag, pushes_flags;
};

}  // namespace barchan::debug

#endif
