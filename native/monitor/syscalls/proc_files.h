// Purpose: files of procfs whose contents tell of the monitor rather than of the guest's program: which they are, and their
//          guest versions.
// Owner:   monitor/syscalls. Threads: any. Trust: which file is opened is the GUEST's choice; the kernel's text
//          is not the guest's.
#ifndef BARCHAN_MONITOR_SYSCALLS_PROC_FILES_H
#define BARCHAN_MONITOR_SYSCALLS_PROC_FILES_H

#include "host/types.h"

namespace barchan::files {

// May a procfs file of this name need a guest version?
bool proc_file_of_interest(const char* name, size_t size);

// `fd` is a fresh, readable descriptor of the guest on a regular procfs file. Returns the descriptor to hand out (the same
// number, maybe with other contents behind it) or -errno with `fd` closed.
i64 proc_file_for_guest(int fd, bool close_on_exec);

// Writes the guest version of `from`, which is the file `path` of procfs, to `to`. 1 when that was done, 0 when the file is
// right as it is (it may have been read from), or -errno.
i64 rewrite_proc_file(int from, int to, const char* path);
// The same, or the file as it is. 0 or -errno.
i64 write_proc_file(int from, int to, const char* path);

// Of the memory that the process had when the file was opened, and not of the process.
bool is_proc_file_of_memory(const char* path);

// `path` (as describe_fd gives it) is a file under this process's directory on procfs.
bool is_own_proc_path(const char* path);

}  // namespace barchan::files

#endif
