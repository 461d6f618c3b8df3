// Purpose: threads that the host kernel adds to a process that uses KVM (since Linux 6.12 one that splits huge
//          pages): none of the guest's, so not listed and not counted.
// Owner:   monitor/syscalls. Threads: any. Trust: what procfs says of a task is the kernel's word; its name may be
//          the GUEST's.
#ifndef BARCHAN_MONITOR_SYSCALLS_PROC_TASKS_H
#define BARCHAN_MONITOR_SYSCALLS_PROC_TASKS_H

#include "host/types.h"

namespace barchan::files {

// `tasks` is a task directory of procfs, `id` the name of an entry in it.
bool is_host_task(int tasks, const char* id);

// How many there are in the process whose file of procfs is `path` ("/proc/7/stat", "/proc/7/task/8/stat").
u32 count_host_tasks(const char* path);

}  // namespace barchan::files

#endif
