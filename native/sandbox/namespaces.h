// Purpose: the keeper's own namespaces, and the one user that exists in them.
// Owner:   sandbox. Threads: one. Trust: Config is checked.
#ifndef BARCHAN_SANDBOX_NAMESPACES_H
#define BARCHAN_SANDBOX_NAMESPACES_H

#include "sandbox/config.h"
#include "sandbox/failure.h"

namespace barchan::sandbox {

// Gives up supplementary groups where that is allowed: to an ordinary user it is not (user_namespaces(7)).
void leave_groups();

// Moves the caller to new user, mount, network (unless the host's is asked for), IPC, UTS and cgroup
// namespaces, in which it has every capability and no other id than its own is known. No mount made from
// here on is seen outside. Later programs get PID and mount namespaces of their own.
Failure enter_namespaces(const Config& config);

// From the caller's outer id to the one that the map names. Capabilities are kept.
Failure become_user(const Config& config);

// The CLONE_NEW* bits that a program of the sandbox joins.
u64 shared_namespaces(const Config& config);

}  // namespace barchan::sandbox

#endif
