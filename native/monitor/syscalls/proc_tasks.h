// Purpose: threads that the host kernel adds to a process that uses KVM (since Linux 6.12 one that splits huge
//          pages): none of the guest's, so not listed and not counted; nor are private descriptors.
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

// Calls each(number) for the descriptors of a `fd` directory of procfs, which is read from where it stands, but for
// private ones.
void each_guest_fd(int directory, void (*each)(int number, void* context), void* context);

// True of every directory whose link count or size may count them: procfs `task` and, since Linux 6.2, `fd`.
// False of most others.
constexpr bool may_count(u32 mode, u64 device_major) {
  constexpr u32 kType = 0170000, kDirectory = 0040000;
  return (mode & kType) == kDirectory && !(mode & 0222) && device_major == 0;
}

// Makes the link count and the size that the kernel gave for the directory that `directory` refers to those that the
// guest would see without the monitor. O_PATH will do.
void show_guest_counts(int directory, u64& links, i64& size);

}  // namespace barchan::files

#endif
