// Purpose: room for one more task. A process that the guest makes, or that a vfork child becomes by exec, needs a second task
//          of the host's: KVM's worker (Linux 6.9 and later). Its maker must hear of a limit (RLIMIT_NPROC, pids.max),
//          since the process itself could only die of it.
// Owner:   monitor. Threads: one spare task at a time, behind a lock. Trust: nothing of the guest's.
#ifndef BARCHAN_MONITOR_SPARE_TASK_H
#define BARCHAN_MONITOR_SPARE_TASK_H

#include "host/types.h"

namespace barchan {

// Makes a task that does nothing: 0, or -EAGAIN at a limit. What is made while it lives gets its place, and waits for
// it until it is gone (kvm::run_may_be_retried). Pre: the calling thread's signals are blocked, which the task inherits.
i64 spare_task_take();
// Ends it. Pre: spare_task_take() gave 0.
void spare_task_release();
// In the child of a fork between the two, where there is none.
void spare_task_forget();

}  // namespace barchan

#endif
