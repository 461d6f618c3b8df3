// Purpose: a program under a debugger (abi/debug.h): stops, and the loop of its threads.
// Owner:   monitor/debug. Threads: as each function says. Trust: commands come from Node, over a private descriptor that no
//          guest has; nothing here is in use for a program that was not started so.
//
// Only the program's first process is debugged, through its execs. A process that it makes with a copy of its memory has
// no breakpoints; while one shares its memory (vfork), nobody has.
#ifndef BARCHAN_MONITOR_DEBUG_DEBUG_H
#define BARCHAN_MONITOR_DEBUG_DEBUG_H

#include "abi/debug.h"
#include "monitor/thread.h"

namespace barchan::debug {

// This process is debugged, and the debugger is there.
extern bool active;

// In the first thread, its program loaded and the filter in force: makes the server and, where this process is the debugged
// one, stops before the first instruction. `executed`: by an exec. Closes the socket in any other process.
void start(Thread& t, bool executed);
// Takes the place of run() for threads of a program that was started under a debugger.
[[noreturn]] void run(Thread& t);
// A new thread, under the pool's lock: held when all others are.
void thread_created(Thread& t);
// In a fork's child.
void fork_child();
// Around the life of a process that shares this memory.
void share_memory();
void unshare_memory();
// Waits until the guest may go on, so that an exec does not slip through a stop.
void before_exec(Thread& t);

// A fault that is about to become a signal: stops. False: it is dropped.
bool allows_signal(Thread& t, const SignalInfo& info);
// A use of a trapped page: stops.
void trapped(Thread& t, u64 address, u64 error);

// In the signal handler: whether this is a kick and no signal for the guest; then the vCPU leaves the guest.
bool take_kick(Thread& t, const SignalInfo& info);

// The server's thread id, or 0: no guest may see it.
i32 server_id();

}  // namespace barchan::debug

#endif
