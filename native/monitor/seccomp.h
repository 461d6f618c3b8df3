// Purpose: the guest's seccomp(2): filters that it installs are run here, at the gate, and never given to the
//          host, whose calls are the monitor's own.
// Owner:   monitor. Threads: each thread has a mode and a chain of filters; chains are shared and never
//          change, a new filter goes in front. What a thread inherits by clone and fork comes with the copied
//          Thread and the copied memory; over exec it goes through a pipe.
// Trust:   programs are GUEST values, copied and verified once (seccomp_filter.h).
#ifndef BARCHAN_MONITOR_SECCOMP_H
#define BARCHAN_MONITOR_SECCOMP_H

#include <linux/filter.h>

#include "monitor/thread.h"

namespace barchan {

struct SeccompFilter {
  const SeccompFilter* older;
  u32 length;  // instructions
  u32 total;   // of the chain from here on, with the kernel's penalty of 4 per filter
  sock_filter program[];
};

// Before a call is dispatched, when t.seccomp_mode is not 0. True: the call is allowed. False: t.user holds the
// outcome (a result in rax, a SIGSYS frame, or kRestart in rax when a captured signal goes first). Does not
// return when the thread or process is to be killed.
bool seccomp_allows(Thread& t, const Call& call);

// Whether the thread's filters let call `nr` through whatever its arguments are, and nothing else comes of it.
bool seccomp_always_allows(const Thread& t, u32 nr);

// After a refusal: the number for signals_deliver() when the call is to be made again, else -1.
inline i64 seccomp_restarts(const Thread& t, const Call& call) {
  return t.user.rax == static_cast<u64>(host::kRestart) ? static_cast<i64>(call.nr) : -1;
}

// Puts a verified copy of a program in front of the calling thread's chain. GUEST: the program, in private
// memory. 0, -EINVAL for an invalid program, -ENOMEM for too long a chain.
i64 seccomp_install(Thread& t, const sock_filter* program, u32 length);

// The same for every thread of the process, each of which then has the caller's chain (SECCOMP_FILTER_FLAG_TSYNC).
// 0; -errno; or, with nothing changed, the id of a thread whose own filters are not a part of the caller's chain.
i64 seccomp_install_all(Thread& t, const sock_filter* program, u32 length);

// For exec: the calling thread's mode and chain in a fresh pipe `fd`, a private number that stays open over exec;
// -1 when there is nothing to hand on. 0 or -errno. Pre: fd_lock held exclusively.
i64 seccomp_exec_write(const Thread& t, i32& fd);
// In the new monitor: takes them back and closes the pipe. False when it is not what a monitor wrote.
bool seccomp_exec_read(Thread& t, int fd);

}  // namespace barchan

#endif
