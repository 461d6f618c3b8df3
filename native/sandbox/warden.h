// Purpose: the process that makes a sandbox's control groups and removes them, whatever becomes of all others.
// Owner:   keeper, which starts it before anything else. Threads: one.
// Trust:   keeps Node's user and privileges, which the keeper gives up: without them a group cannot be removed. It is in no
//          namespace of the sandbox, runs nothing, and reads nothing that a guest writes.
#ifndef BARCHAN_SANDBOX_WARDEN_H
#define BARCHAN_SANDBOX_WARDEN_H

#include "sandbox/config.h"
#include "sandbox/failure.h"

namespace barchan::sandbox {

// Makes a child of the caller that makes the groups of `config`, ends what is in them when `control`, a socket to Node,
// ends, and removes them. It also keeps the limit on processor time: it tells Node, and kills what is there when Node has
// not ended it in time. Without groups nothing is done, and `warden` is 0. Pre: signals are blocked.
Failure start_warden(const Config& config, int control, i32& warden);

// Removes the groups of a sandbox whose warden is no more, and leaves.
[[noreturn]] void run_sweeper(const Config& config);

}  // namespace barchan::sandbox

#endif
