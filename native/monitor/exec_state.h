// Purpose: what a monitor tells the monitor that it becomes by exec: one structure in a pipe of its own,
//          passed on private descriptor kFdExecState.
// Owner:   monitor (syscalls/exec.cc writes, start.cc reads). Threads: one writer, then one reader.
// Trust:   written by a monitor; no guest can reach the pipe. Read with full checks all the same.
#ifndef BARCHAN_MONITOR_EXEC_STATE_H
#define BARCHAN_MONITOR_EXEC_STATE_H

#include "monitor/chaos/state.h"
#include "monitor/intercept/intercept.h"
#include "monitor/mm/mm.h"
#include "monitor/process.h"
#include "monitor/syscalls/proc_copies.h"

namespace barchan {

// "/dev/fd/N/" and a path.
constexpr size_t kExecfnMax = kPathMax + 32;

struct ExecState {
  u32 magic, version;    // abi/start.h
  u32 size;              // of this structure
  i32 pid;               // of the process that execs: stays the same
  u32 flags;             // StartBlob::flags
  i32 program_fd;        // private numbers
  i32 interpreter_fd;    // or -1
  i32 seccomp_fd;        // or -1 (monitor/seccomp.h)
  u32 counter_slot;      // monitor/counters.h
  u32 program_id;        // abi/start.h
  u32 call_number;       // execve or execveat
  u32 fixed_layout;      // ADDR_NO_RANDOMIZE (monitor/syscalls/personality.h)
  u64 stack_soft;        // RLIMIT_STACK to put back
  char command[16];      // PR_SET_NAME, at most 15 bytes
  u64 fd_soft, fd_hard;  // the guest's RLIMIT_NOFILE
  intercept::Set intercepted;
  mm::HostFacts host;
  chaos::Lineage chaos;
  char execfn[kExecfnMax];  // AT_EXECFN
  files::InheritedCopies proc_copies;
};

// Puts `state` into a fresh pipe, whose read end becomes kFdExecState, which survives exec. 0 or -errno.
// Pre: fd_lock held exclusively when other guest threads may run.
i64 exec_state_write(const ExecState& state);
void exec_state_drop();

// Reads kFdExecState and closes it. False when it is not what a monitor of this version wrote.
bool exec_state_read(ExecState& state);

}  // namespace barchan

#endif
