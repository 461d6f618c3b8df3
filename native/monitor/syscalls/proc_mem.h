// Purpose: /proc/self/mem for the guest: its own memory, none of the monitor's; and `pagemap` of any process that it may look
//          at, without the monitor's pages.
// Owner:   monitor/syscalls. Threads: any; the bookkeeping is read and written without a lock, and a race of guest
//          threads over one descriptor can only mix up that descriptor's position.
// Trust:   positions, buffers and counts are GUEST values; every access to memory is uaccess's.
//
// What the guest holds is an O_PATH descriptor of the file, which gives no access to anybody. The host refuses to
// read or write it with EBADF; only then the dispatcher asks here, so other calls pay nothing.
#ifndef BARCHAN_MONITOR_SYSCALLS_PROC_MEM_H
#define BARCHAN_MONITOR_SYSCALLS_PROC_MEM_H

#include <linux/uio.h>

#include "monitor/syscalls/paths.h"

namespace barchan::files {

// Some descriptor of this kind was opened in this process (or in one that it was forked from).
extern bool proc_mem_in_use;

// Opens the `mem` file of this process that `pin` refers to. GUEST: open(2) flags. A descriptor or -errno.
i64 open_proc_mem(const Pin& pin, u64 flags);

// In a fork's child, of whose threads another may have been at it.
void proc_mem_fork_child();

// `fd` is a fresh, readable descriptor of the guest on a `pagemap` file: puts a stand-in in its place. The same number, or
// -errno with `fd` closed.
i64 stand_in_at(int fd, bool close_on_exec);

// A call on a descriptor that the host answered with EBADF, or F_GETFL: does what a file of this kind does, when it is on such a
// descriptor; otherwise -EBADF. Arguments as the dispatcher has checked them; `parts`: the vector of a call with one.
i64 proc_mem_call(const Call& call, const iovec* parts = nullptr, u64 count = 0);

}  // namespace barchan::files

#endif
