// Purpose: argv or envp of an exec: the guest's array of pointers, copied once, each pointer checked.
// Owner:   monitor/syscalls. Threads: one call's own. Trust: array and strings are GUEST memory. The strings
//          stay there: the host kernel reads them once, and nothing follows from what they say.
#ifndef BARCHAN_MONITOR_SYSCALLS_EXEC_VECTOR_H
#define BARCHAN_MONITOR_SYSCALLS_EXEC_VECTOR_H

#include "host/types.h"

namespace barchan {

// Linux gives argv and envp together at most 6 MiB (fs/exec.c, bprm_stack_limits), pointers included.
constexpr u64 kMaxExecPointers = (6u << 20) / sizeof(u64);

// Copies a null-terminated array at `address` to `to`, its null included. GUEST: `address`; 0 is an empty
// array. The count without the null, -EFAULT, or -E2BIG when `capacity` (null included) is not enough.
i64 copy_exec_vector(u64* to, u64 capacity, u64 address);

}  // namespace barchan

#endif
