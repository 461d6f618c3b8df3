// Purpose: the start of a program in a sandbox that a keeper holds.
// Owner:   supervisor. Threads: one.
// Trust:   the description comes from Node. The processes made here run nothing of the guest's until the
//          monitor is executed, which has then nothing left to give up.
//
// A joiner enters the keeper's namespaces, makes a PID and a mount namespace for this program alone, in it the
// init that reaps, and at last the monitor's process. Both are made as children of the supervisor
// (CLONE_PARENT), which itself stays outside: it signals and waits as for any program, and whatever the guest
// does, all of it ends with the init, which ends with the supervisor.
#ifndef BARCHAN_SUPERVISOR_JOIN_H
#define BARCHAN_SUPERVISOR_JOIN_H

#include "sandbox/failure.h"

namespace barchan::supervisor {

struct Joined {
  i32 init = 0;         // pid 1 of the program's namespace, as seen from here
  i32 child = 0;        // the monitor's process
  int life = -1;        // one byte into it: the first process is gone; its end: so are we
  u64 deadline_ms = 0;  // CLOCK_MONOTONIC: when the sandbox's time is over; 0: never
};

// What the processes of the start are to do.
struct Roles {
  // In the init, before it waits: takes a name of its own in process lists.
  void (*rename)(void* context);
  // Executes the monitor; returns -errno. In the new process, which has given everything up.
  i64 (*execute)(void* context);
  void* context;
};

// Pre: `keeper` is a pidfd, `description` the SandboxBlob's descriptor; signals are blocked; no child exists.
// After a failure none exists either.
sandbox::Failure join_sandbox(int keeper, int description, const Roles& roles, Joined& joined);

}  // namespace barchan::supervisor

#endif
