// Purpose: stat, status, statm, sched and limits of processes: what they tell of threads, memory, signals, descriptors and
//          limits is the guest's, not its monitor's.
// Owner:   monitor/syscalls. Threads: any. Trust: the text is the kernel's; names in it are GUEST bytes.
#ifndef BARCHAN_MONITOR_SYSCALLS_PROC_STATUS_H
#define BARCHAN_MONITOR_SYSCALLS_PROC_STATUS_H

#include "host/types.h"

namespace barchan::files {

enum class StatusKind { kStat, kStatus, kStatm, kSched, kLimits };

// Writes the guest version of `from`, which is the file `path` of procfs, to `to`. `own`: of this process.
// 1 when that was done, 0 when the file is right as it is, or -errno.
i64 rewrite_status(int from, int to, StatusKind kind, const char* path, bool own);

}  // namespace barchan::files

#endif
