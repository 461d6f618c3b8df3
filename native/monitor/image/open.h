// Purpose: opens a file for execution, with the checks of execve(2) in Linux's order.
// Owner:   monitor/image. Threads: any; with other guest threads running, fd_lock is held exclusively.
// Trust:   `path` is a private copy of a GUEST string, `dirfd` a GUEST number that is not private.
#ifndef BARCHAN_MONITOR_IMAGE_OPEN_H
#define BARCHAN_MONITOR_IMAGE_OPEN_H

#include "host/types.h"

namespace barchan {

// A readable descriptor on a private number (close-on-exec), or -errno. `flags`: AT_EMPTY_PATH and
// AT_SYMLINK_NOFOLLOW. EACCES for anything but a regular file that the caller may execute and read, and on
// a noexec mount. Where the path leads to a monitor (/proc/PID/exe) the guest program behind it is opened.
i64 open_program(int dirfd, const char* path, int flags);

}  // namespace barchan

#endif
