// Purpose: all threads of the guest stopped at once, and let go.
// Owner:   monitor/debug. Threads: one stop or resumption at a time, under a lock of its own.
//
// A stopped thread is out of guest code: parked at the border, or in a system call, which goes on and ends at the border.
// Only threads that are inside are kicked, by a signal of our own, so that no call fails for it.
#ifndef BARCHAN_MONITOR_DEBUG_WORLD_H
#define BARCHAN_MONITOR_DEBUG_WORLD_H

#include "monitor/debug/debug.h"

namespace barchan::debug {

struct Occasion {
  abi::DebugEvent event;
  u64 a = 0, b = 0, c = 0;
  // Comes again by itself when the thread goes on, so that it is dropped when another thread's was first.
  bool recurs = false;
};

// Stops all threads, tells Node, and returns when `t`, the calling thread, may go on. False: dropped.
bool report(Thread& t, const Occasion& occasion);
// By the server. False: they were stopped already.
bool stop_for_server();
bool is_stopped();
// By the server: lets threads go; -EINVAL for an unknown one, -EBUSY when they are not stopped.
i64 resume(const abi::DebugAction* actions, u32 count, abi::DebugGo others);
// For good: nobody is held any more.
void let_all_go();

// Waits while `t`, the calling thread, is held.
void park(Thread& t);
// Around each stay in the guest; enter() is false when it must not.
bool enter(Thread& t);
void leave(Thread& t);
void reset_after_fork();

// Has the thread out of the guest and held. Of this process, and alive.
bool is_debugged(const Thread& t);
bool is_out(const Thread& t);

void wait_a_moment();

// The message of an event (server.cc).
void tell(const Thread& t, const Occasion& occasion);

// Which calls stop (server.cc).
bool stops_before(u32 nr);
bool stops_behind(u32 nr);

}  // namespace barchan::debug

#endif
