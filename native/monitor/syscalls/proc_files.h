// Purpose: files of procfs whose contents tell of the monitor rather than of the guest's program.
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

// Some such descriptor has other contents behind it.
extern bool proc_copies_in_use;
// The guest is about to read `fd`, whatever that is, from its start: what is a copy becomes what the file holds now.
void refresh_proc_copy(int fd);

// `path` (as describe_fd gives it) is a file under this process's directory on procfs.
bool is_own_proc_path(const char* path);

}  // namespace barchan::files

#endif
