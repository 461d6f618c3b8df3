// Purpose: what a process of the sandbox gives up for good before it runs what it is for.
// Owner:   sandbox. Threads: one; the caller has only itself.
#ifndef BARCHAN_SANDBOX_PRIVILEGES_H
#define BARCHAN_SANDBOX_PRIVILEGES_H

#include "sandbox/config.h"
#include "sandbox/failure.h"

namespace barchan::sandbox {

// Empties all capability sets, the bounding set included, locks the secure bits so that no id has a meaning
// of its own, and sets no_new_privs: no exec can give any of it back. The process itself keeps capability `kept`, unless
// that is kNoCapability.
constexpr u64 kNoCapability = ~0ull;
Failure drop_privileges(u64 kept = kNoCapability);

// Sets the resource limits that the description names.
Failure set_limits(const Config& config);

}  // namespace barchan::sandbox

#endif
