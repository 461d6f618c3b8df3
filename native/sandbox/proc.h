// Purpose: /proc and the masks over what procfs and sysfs would tell or do beyond the sandbox.
// Owner:   sandbox. Threads: one.
#ifndef BARCHAN_SANDBOX_PROC_H
#define BARCHAN_SANDBOX_PROC_H

#include "sandbox/failure.h"

namespace barchan::sandbox {

// Mounts procfs for the caller's PID namespace at /proc, in place of the keeper's, masked and with its
// settings read-only. Pre: the caller is in that PID namespace and has a mount namespace to itself.
Failure mount_proc();

// Can programs have a PID namespace and a procfs of their own here? Asked by the keeper, so that a sandbox that no
// program could be started in is not created. Leaves nothing.
Failure probe_proc();

// Covers what exists of `paths`, below `root`: files with an empty device, folders with an empty folder.
Failure mask(int root, const char* const* paths, size_t count);

}  // namespace barchan::sandbox

#endif
