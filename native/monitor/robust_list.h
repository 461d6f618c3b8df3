// Purpose: what the kernel does with a thread's robust futexes at its end (man 2 get_robust_list), done by the
//          monitor: the kernel would follow the guest's pointers into monitor memory as well.
// Owner:   monitor. Threads: the leaving one. Trust: the whole list is a GUEST structure.
#ifndef BARCHAN_MONITOR_ROBUST_LIST_H
#define BARCHAN_MONITOR_ROBUST_LIST_H

#include "monitor/thread.h"

namespace barchan {

constexpr u64 kRobustHeadSize = 24;

// Tells the host (so that a killed process still releases its locks) where nothing but this process can be
// hit: not in a vfork child, whose memory is the parent's.
void robust_list_set(Thread& t, u64 head);
// Takes the list from the host and marks the locks that the thread still holds. Before exit(2) and exec.
void robust_list_release(Thread& t);

}  // namespace barchan

#endif
