// Purpose: what an exec leaves behind for others to clean up.
// Owner:   monitor (syscalls/exec.cc). Threads: see below.
#ifndef BARCHAN_MONITOR_EXEC_H
#define BARCHAN_MONITOR_EXEC_H

#include "monitor/thread.h"

namespace barchan {

// A vfork child that execs leaves the copies of its arguments in memory that its parent keeps. The parent calls
// this when it takes the child's Thread back. Does nothing when there is nothing.
void exec_release_memory(Thread& child);

}  // namespace barchan

#endif
