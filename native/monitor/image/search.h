// Purpose: a program's name looked up in PATH, as execvp(3) does, where the guest will run.
// Owner:   monitor/image. Threads: start-up only. Trust: PATH is the guest's; only names are formed from it.
#ifndef BARCHAN_MONITOR_IMAGE_SEARCH_H
#define BARCHAN_MONITOR_IMAGE_SEARCH_H

#include "host/types.h"

namespace barchan {

// Finds `name`, which has no '/', in the PATH of `environment` (a null-terminated list) or, without one, in the
// C library's default. Returns 0 with `path` (kPathMax bytes) set, -ENOENT, or -EACCES with the path of the
// first that is there and cannot be run.
i64 search_path(const char* name, const char* const* environment, char* path);

}  // namespace barchan

#endif
