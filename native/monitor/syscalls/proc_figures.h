// Purpose: what a guest process has of memory, told apart from what its monitor has in the same host process.
// Owner:   monitor/syscalls. Threads: any. Trust: the kernel's text; names in it are GUEST bytes and are not looked at
//          but for the kernel's own in brackets.
#ifndef BARCHAN_MONITOR_SYSCALLS_PROC_FIGURES_H
#define BARCHAN_MONITOR_SYSCALLS_PROC_FIGURES_H

#include "host/types.h"

namespace barchan::files {

// All in bytes.
struct Figures {
  // The guest's mappings, as the kernel sorts them (man 5 proc, /proc/PID/status).
  u64 size = 0, data = 0, stack = 0, executable = 0, text = 0;
  // What is the monitor's of the host's figures.
  u64 monitor_size = 0;  // with the room below the stack
  u64 monitor_anon = 0, monitor_file = 0, monitor_shmem = 0, monitor_swap = 0;

  u64 monitor_resident() const { return monitor_anon + monitor_file + monitor_shmem; }
};

// The directory of the process whose file `path` is ("/proc/7/stat", "/proc/7/task/8/stat"), into `to`: its length, or 0
// when there is no room for it and a name of 12 bytes more.
size_t process_directory(const char* path, char* to, size_t capacity);

// Of the process whose file `path` is. `own`: of this address space, whose protections are known here; of another one's
// mappings none is executable to the host. False when the process may not be looked at, or is no guest.
bool figures_of(const char* path, bool own, Figures& figures);

// The host maps room for a whole stack at once. Where that of the process whose file `path` is begins to the guest, given its
// mapping: at the lowest page that was used.
struct MapsLine;
u64 others_stack_start(const char* path, const MapsLine& line);

// Is the process whose file `path` is a guest of this monitor's kind? False also when it may not be looked at.
bool is_guest_process(const char* path);
// True also then.
bool may_be_guest_process(const char* path);

}  // namespace barchan::files

#endif
