// Purpose: between the vCPU's state and the guest's user-mode registers, in both entry modes. The one file
//          that acts on what kvm/entry_mode.cc learned.
// Owner:   monitor. Threads: the vCPU's own.
#ifndef BARCHAN_MONITOR_ENTRY_H
#define BARCHAN_MONITOR_ENTRY_H

#include "monitor/mm/mm.h"
#include "monitor/thread.h"

namespace barchan {

enum class Event {
  kSystemCall,
  kException,    // Thread::exception is filled
  kAnswered,     // a system call that the ring has made: t.user is behind it
  kInterrupted,  // KVM_RUN was left or not begun because of a signal
  kNoMemory,     // KVM_RUN: EFAULT, a host page could not be had
};

struct Exception {
  u64 vector, error, cr2;
};

// Where the vCPU stands, hence how it is resumed.
enum class Position : u32 {
  kRing3,      // in user code: registers are the user's
  kSyscall,    // behind the gate's system-call `out`
  kException,  // behind an exception stub's `out`, with a frame on the ring-0 stack
};

// First entry of a vCPU: ring 3 with t.user and the given segment bases.
void entry_start(Thread& t, u64 fs_base, u64 gs_base);
// Gives the thread's vCPU page tables of its own, with no answers, unless it has them. Pre: t.user is complete, and t is the calling thread.
// False: no memory, or too many vCPUs.
bool entry_own_tables(Thread& t, mm::VcpuPages& pages);
// Runs the guest until something happens, and fills t.user. t.user (with t.user_changed, or only rax after a
// system call) goes in first.
Event entry_run(Thread& t, Exception& exception);

// The flags ring 3 may have: status, TF, DF, NT, RF, AC, ID; IF is always set (SDM vol. 1, 3.4.3).
constexpr u64 kUserFlags = 0x254dd5;
constexpr u64 user_flags(u64 flags) { return (flags & kUserFlags) | 0x202; }

}  // namespace barchan

#endif
