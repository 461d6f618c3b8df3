// Purpose: finding and ending every process that descends from the supervisor.
// Owner:   supervisor. Threads: one.
// Trust:   reads /proc/PID/stat, whose command name a guest chooses.
#ifndef BARCHAN_SUPERVISOR_FAMILY_H
#define BARCHAN_SUPERVISOR_FAMILY_H

#include "host/types.h"

namespace barchan::supervisor {

// Sends `signal` to all descendants of the caller that exist at this moment. One that forks meanwhile
// can leave a child behind: callers repeat until wait(2) says ECHILD. Returns how many were sent it,
// or -errno when /proc cannot be read.
i64 signal_family(int signal);

// The parent's pid in the text of /proc/PID/stat, or -1.
i64 parent_of(const char* stat, size_t size);

}  // namespace barchan::supervisor

#endif
