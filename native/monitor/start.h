// Purpose: from the monitor's first instruction to the guest's: what was asked for at start.
// Owner:   monitor. Threads: set by start-up, read-only afterwards.
// Trust:   abi/start.h.
#ifndef BARCHAN_MONITOR_START_H
#define BARCHAN_MONITOR_START_H

#include "host/types.h"

namespace barchan {

// StartBlob::flags of the first start, carried through every fork and exec.
u32 start_flags();

// Whether this is the process that Node started, and not a child of it.
bool is_first_process();
// The guest has made a Landlock domain: from now on, over fork and exec, the host is asked whether a file may be executed.
void start_restrict_execution();
bool execution_is_restricted();
// In a process that fork has made.
void start_fork_child();

// Becomes the guest program. `stack`: argc, argv, envp, auxv as the kernel left them.
[[noreturn]] void start(const u64* stack);

// Answers kStartSelfTest: one JSON line with the entry mode, then exit. Written beside the memory layer,
// which owns the VM that is tested. Pre: descriptors are parked.
[[noreturn]] void self_test_report();

}  // namespace barchan

#endif
