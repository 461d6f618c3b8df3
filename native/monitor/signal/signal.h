// Purpose: the guest's signals. The host kernel keeps masks, queues, ordering, timers and default
//          actions; the monitor captures what the guest has handlers for, and turns it into guest frames.
// Owner:   monitor/signal. Threads: functions act on the calling thread unless said otherwise.
//
// Dispositions: SIG_DFL and SIG_IGN are installed on the host as they are, with two exceptions: SIGSEGV and
// SIGBUS always have the monitor's handler (uaccess faults). A guest handler becomes the monitor's capture
// handler with the guest's SA_RESTART, SA_NOCLDSTOP, SA_NOCLDWAIT and a full sa_mask.
// Capture: the host handler stores siginfo in Thread::captured, sets Thread::pending and
// vcpu->run->immediate_exit, and returns with every signal but SIGSEGV/SIGBUS blocked, so at most one signal
// is captured per thread and the rest queue in the host kernel.
#ifndef BARCHAN_MONITOR_SIGNAL_SIGNAL_H
#define BARCHAN_MONITOR_SIGNAL_SIGNAL_H

#include "monitor/thread.h"

namespace barchan {

// First thread of a fresh start or exec: reads the inherited mask and ignored signals, installs handlers.
void signals_start(Thread& t);
// In a new thread (clone) before it runs guest code: `t.mask` etc. were copied from the parent. Clears what a
// new thread does not inherit (pending capture; altstack unless vfork).
void signals_thread_start(Thread& t, bool clears_altstack);
// The same in the only thread of a fork child, whose table is in the copied memory already: nobody else uses it,
// and nobody holds its lock.
void signals_fork_child(Thread& t);
// A thread that leaves has every signal blocked and will deliver none: passes a captured signal of the process on to
// another thread.
void signals_thread_exit(Thread& t);
// clone with CLONE_VM and without CLONE_SIGHAND: gives `t` a table of its own. False: no memory.
bool signals_copy_table(Thread& t);
// With CLONE_SIGHAND: counts one thread more for the table that `t` has from its parent.
void signals_share_table(Thread& t);
// Gives back the reference of a thread that will not run on, and the table with the last one.
void signals_release_table(Thread& t);
// Block everything (but SIGSEGV/SIGBUS) around clone; restore puts back the mask for t.mask. A signal that came
// before the block is in t.pending, and stays the caller's to deliver.
void signals_block_all();
void signals_restore_mask(Thread& t);
// Around the host's execveat, which the caller makes through host::interruptible() right after: gives the host the guest's
// whole mask, its ignored SIGSEGV/SIGBUS and the held ones, all of which outlive an exec. When execveat comes
// back, with an error or kRestart, signals_exec_failed undoes it.
void signals_before_exec(Thread& t);
void signals_exec_failed(Thread& t);
// What a thread of the monitor's own holds goes back to the process, for a thread of the guest. The caller blocks both.
void signals_give_back(Thread& from);
// clone with CLONE_CLEAR_SIGHAND (man 2 clone3).
void signals_reset_handlers(Thread& t);

// Called by the run loop before every entry to the guest with t.pending set or held faults waiting.
// `call`: the number of the system call just made, or -1; when t.user.rax is host::kRestart the
// call is to be made again: after the signal's frame when SA_RESTART semantics say so (the host kernel
// decided that already), which means rip -= 2 and rax = call number before the frame is built.
// Never returns when the default action ends the process.
void signals_deliver(Thread& t, i64 call);
// A pending capture or unblocked held fault that signals_deliver would act on.
inline bool signals_waiting(const Thread& t) { return t.pending || (t.held_faults & ~t.mask); }

// A synchronous fault by the guest: delivers at once; blocked or ignored means death by it, as in Linux
// (force_sig). trap_number, error_code, cr2 go to the frame's mcontext.
void signal_fault(Thread& t, int signo, int code, u64 address, u64 trap_number, u64 error_code, u64 cr2);

// A signal that the kernel forces upon the thread for what it just did, with all of its siginfo (SIGSYS by a seccomp
// filter): delivers at once; blocked or ignored means death by it. Pre: !t.pending.
void signal_force(Thread& t, const SignalInfo& info);

// Ends the whole process by `signo` with the default action, as the kernel would: status and core flag are its own.
[[noreturn]] void die_by_signal(int signo);

// The host's mask for a guest's while the monitor runs: the same, less SIGSEGV and SIGBUS, which it needs for its own
// accesses to guest memory.
u64 signals_host_mask(u64 guest_mask);

// rt_sigsuspend, ppoll, pselect6, epoll_pwait: `call(host_mask)` makes the host call with the temporary mask
// it is given a pointer to (8 bytes), through t.host(). GUEST: `mask`, already copied. A signal that ends the
// call finds the temporary mask in force and the old one in its frame; any other result puts the old one back.
void signals_begin_mask(Thread& t, u64 mask);
i64 signals_end_mask(Thread& t, i64 result);
template <typename HostCall> i64 signals_with_mask(Thread& t, u64 mask, HostCall call) {
  signals_begin_mask(t, mask);
  // In the call the monitor cannot fault, so SIGSEGV and SIGBUS may be blocked as the guest has them.
  const u64 host_mask = t.mask | refused_faults(t);
  if (t.held_faults & ~t.mask) return signals_end_mask(t, -EINTR);
  return signals_end_mask(t, call(&host_mask));
}

}  // namespace barchan

#endif
