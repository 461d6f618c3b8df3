// Purpose: smaps_rollup of a guest process: the sums of what its smaps says of the guest's mappings.
// Owner:   monitor/syscalls. Threads: any. Trust: the text is the kernel's; names in it are GUEST bytes.
#ifndef BARCHAN_MONITOR_SYSCALLS_PROC_ROLLUP_H
#define BARCHAN_MONITOR_SYSCALLS_PROC_ROLLUP_H

#include "host/types.h"

namespace barchan::files {

// Writes the guest version of `from`, which is the file `path` of procfs, to `to`. 0 or -errno.
i64 rewrite_rollup(int from, int to, const char* path);

}  // namespace barchan::files

#endif
