// Purpose: binds the monitor itself to what its policy can reach, before the guest's first instruction.
// Owner:   monitor. Threads: start-up, single-threaded; threads, forks and execs inherit it.
// Trust:   irrevocable: from here on the host kernel refuses whatever the filter does not allow.
#ifndef BARCHAN_MONITOR_CONFINE_H
#define BARCHAN_MONITOR_CONFINE_H

#include "monitor/host_calls.h"

namespace barchan {

// Installs the host filter when the policy in force asks for it. Dies with ERR_MONITOR_CONFINE when it cannot. With
// `supervised` the supervisor gets the filter's listener by the socket kFdBreach: a breach, of any process that descends
// from this one, then stops in the kernel and the supervisor ends the program (adr/0007). Without it, or where the kernel has no
// listener to give (before Linux 5.5, or an outer filter has one), or limits leave no room for one more task, the kernel ends the process. Post: kFdBreach is closed.
void confine(host_calls::Use use, bool supervised);

// Answers kStartShowPolicy: one JSON line with the host calls that the policy lets a guest reach, then exit.
[[noreturn]] void show_policy();

}  // namespace barchan

#endif
