// Purpose: the control groups of a sandbox: made, entered, emptied and removed.
// Owner:   sandbox. Threads: one.
// Trust:   paths and values come from Node, which has found out what this host's hierarchies offer. The numbers in
//          cgroup.procs are the kernel's. No guest can reach these files.
//
// Version 1 has one group in each hierarchy that is used, version 2 one in all; here they are simply a list.
#ifndef BARCHAN_SANDBOX_CGROUP_H
#define BARCHAN_SANDBOX_CGROUP_H

#include "sandbox/config.h"
#include "sandbox/failure.h"

namespace barchan::sandbox {

// Makes the groups and writes their settings. After a failure none is left that this call has made.
Failure make_groups(const Config& config);

// Moves the calling process into them; what it forks from then on is born there.
Failure enter_groups(const Config& config);

// Sends SIGKILL to every process in them.
void kill_members(const Config& config);

// Kills what is in them and removes them, however long that takes.
void remove_groups(const Config& config);

// Microseconds of processor time that the groups' processes have used, or -errno.
i64 processor_time(const Config& config);

// The number in the text of cpuacct.usage (nanoseconds) or cpu.stat ("usage_usec N" on a line), in microseconds; -1 when
// there is none.
i64 parse_processor_time(const char* text, size_t size);

}  // namespace barchan::sandbox

#endif
