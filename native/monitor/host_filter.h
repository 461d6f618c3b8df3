// Purpose: the seccomp filter that binds the monitor itself: the host calls that the policy can reach, with the
//          arguments that matter, and nothing else.
// Owner:   monitor. Pure logic, also built hosted for tests. Threads: any, no state.
// Trust:   the last layer but the kernel: it holds even when the monitor has been taken over.
#ifndef BARCHAN_MONITOR_HOST_FILTER_H
#define BARCHAN_MONITOR_HOST_FILTER_H

#include <linux/filter.h>

#include "monitor/host_calls.h"

namespace barchan {

constexpr u32 kHostFilterMax = 4096;  // instructions (BPF_MAXINSNS)

// Writes the filter for these calls into `code`; `policy` decides on the guest's ioctl requests. What is not allowed is a
// breach: `breach` is what the kernel then does, SECCOMP_RET_KILL_PROCESS or SECCOMP_RET_USER_NOTIF. Returns the length, 0
// when it is past the maximum.
u32 build_host_filter(sock_filter code[kHostFilterMax], const host_calls::CallSet& calls,
                      const policy::Policy& policy, u32 breach);

}  // namespace barchan

#endif
