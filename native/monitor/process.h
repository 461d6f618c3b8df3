// Purpose: what the threads of one guest process share, beside memory (mm/) and what the host kernel
//          keeps for us (descriptors, cwd, credentials, ...).
// Owner:   monitor. Threads: many; `lock` guards what is not read-only after start.
#ifndef BARCHAN_MONITOR_PROCESS_H
#define BARCHAN_MONITOR_PROCESS_H

#include "host/lock.h"
#include "host/types.h"

namespace barchan {

constexpr int kSignals = 64;

// The guest's struct sigaction as rt_sigaction(2) passes it (kernel layout).
struct GuestAction {
  u64 handler;  // GUEST: SIG_DFL 0, SIG_IGN 1, or an address
  u64 flags;
  u64 restorer;  // GUEST
  u64 mask;
};

// Signal dispositions; shared with CLONE_SIGHAND, copied otherwise (also for vfork children, which
// share all of memory, hence a pointer from Thread rather than a global).
struct SignalTable {
  host::Mutex lock;
  u32 users = 1;  // threads that point here; freed with the last
  GuestAction actions[kSignals + 1] = {};
  u64 ignored_faults = 0;  // of SIGSEGV and SIGBUS those with SIG_IGN: bit signo-1
};

constexpr size_t kPathMax = 4096;

// One per address space (so also shared by vfork children until they exec).
struct Program {
  char path[kPathMax];    // absolute path of the guest's executable as /proc/self/exe shows it
  char execfn[kPathMax];  // as the guest gave it (AT_EXECFN)
  u64 exe_device, exe_inode;
  u64 argument_start, argument_end, environment_start, environment_end, stack_top;
};
extern Program program;

}  // namespace barchan

#endif
