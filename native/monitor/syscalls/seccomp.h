// Purpose: the parts of seccomp(2) that prctl(2) also offers.
// Owner:   monitor/syscalls. Threads: act on the calling thread.
#ifndef BARCHAN_MONITOR_SYSCALLS_SECCOMP_H
#define BARCHAN_MONITOR_SYSCALLS_SECCOMP_H

#include "monitor/thread.h"

namespace barchan {

// prctl(PR_SET_SECCOMP, mode, filter). GUEST: both.
i64 seccomp_prctl(Thread& t, u64 mode, u64 filter);

}  // namespace barchan

#endif
