// Purpose: the file rules of the mounts once more, by Landlock: a second barrier should one of them fail.
// Owner:   sandbox. Threads: one.
#ifndef BARCHAN_SANDBOX_LANDLOCK_H
#define BARCHAN_SANDBOX_LANDLOCK_H

#include "sandbox/config.h"
#include "sandbox/failure.h"

namespace barchan::sandbox {

// For the caller and all that descends from it: files can be read and executed below /, and written only in
// places that are writable mounts of the sandbox; nothing can be mounted, no process outside be traced, and
// where the kernel knows it (ABI 6), none outside be signalled and no abstract socket outside be reached.
// `image` is the monitor's executable, which lies outside, or -1. Pre: no_new_privs.
Failure restrict_files(const Config& config, int image);

}  // namespace barchan::sandbox

#endif
