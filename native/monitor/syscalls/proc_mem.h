// Purpose: /proc/self/mem for the guest: its own memory, none of the monitor's.
// Owner:   monitor/syscalls. Threads: any; the bookkeeping is read and written without a lock, and a race of guest
//          threads over one descriptor can only mix up that descriptor's position.
// Trust:   positions, buffers and counts are GUEST values; every access to memory is uaccess's.
//
// What the guest holds is an O_PATH descriptor of the file, which gives no access to anybody. The host refuses to
// read or write it with EBADF; only then the dispatcher asks here, so other calls pay nothing.
#ifndef BARCHAN_MONITOR_SYSCALLS_PROC_MEM_H
#define BARCHAN_MONITOR_SYSCALLS_PROC_MEM_H

#include "monitor/syscalls/paths.h"

namespace barchan::files {

// Some descriptor of this kind was opened in this process (or in one that it was forked from).
extern bool proc_mem_in_use;

// Opens the `mem` file of this process that `pin` refers to. GUEST: open(2) flags. A descriptor or -errno.
i64 open_proc_mem(const Pin& pin, u64 flags);

// A call that the host answered with EBADF: does it when it is a read, write or seek on such a descriptor; otherwise
// -EBADF. Arguments as the dispatcher has checked them.
i64 proc_mem_call(const Call& call);

}  // namespace barchan::files

#endif
