// Purpose: what the files of monitor/signal and syscalls/signal.cc share and nobody else needs.
// Owner:   monitor/signal. Threads: functions act on the calling thread.
#ifndef BARCHAN_MONITOR_SIGNAL_INTERNAL_H
#define BARCHAN_MONITOR_SIGNAL_INTERNAL_H

#include <linux/signal.h>

#include "monitor/signal/signal.h"

namespace barchan::signal {

constexpr u64 bit(int signo) { return 1ull << (signo - 1); }
constexpr int kFaultNumbers[] = {SIGBUS, SIGSEGV};
constexpr u64 kFaults = bit(SIGSEGV) | bit(SIGBUS);
constexpr u64 kUnblockable = bit(SIGKILL) | bit(SIGSTOP);
constexpr u64 kAllBlocked = ~kFaults;
constexpr size_t kMaskSize = sizeof(u64);  // the only sigsetsize that Linux x86-64 takes

constexpr u64 kDefault = 0;  // GuestAction::handler
constexpr u64 kIgnore = 1;
constexpr bool is_handler(u64 handler) { return handler > kIgnore; }

// capture.cc ------------------------------------------------------------------------------------
// Makes the host treat `signo` as the guest's `action` asks for (signal.h, "Dispositions"). 0 or -errno.
i64 install(int signo, const GuestAction& action);
// The flags of the host thread's alternate stack, which only a signal frame shows: from one for a fault of its own.
// Pre: nothing is mapped in the arena yet, and the host's SIGSEGV is installed and not blocked.
u32 learn_altstack_flags();
// Keeps a SIGSEGV or SIGBUS that somebody sent; a second one is lost, as standard signals are.
void hold(Thread& t, const SignalInfo& info);
// Gives up a held one. The handler may add the other at any time.
inline void release(Thread& t, int signo) {
  __atomic_fetch_and(&t.held_faults, ~bit(signo), __ATOMIC_RELAXED);
}

// give_back.cc ----------------------------------------------------------------------------------
// Chooses what tells signals that were given back from the guest's own. Once, at the start of a program.
void choose_secret();
// Undoes what signals_give_back() did to the siginfo; others stay as they are.
void restore_given_back(SignalInfo& info);

// table.cc --------------------------------------------------------------------------------------
// Changes one action and the host's with it. `old` may be null. 0 or -errno, then nothing has changed.
i64 change_action(SignalTable& table, int signo, const GuestAction* action, GuestAction* old);

// mask.cc ---------------------------------------------------------------------------------------
// Sets the guest's mask; the host's follows unless a signal is captured, after which its delivery does it.
void set_mask(Thread& t, u64 mask);

// default.cc ------------------------------------------------------------------------------------
// Sends the signal to the calling thread again with the same siginfo; the host queues it while blocked.
void requeue(const SignalInfo& info);

// frame.cc --------------------------------------------------------------------------------------
// Where a signal frame goes, from the highest address: red zone or the alternate stack's top, XSAVE area
// (64-aligned), struct rt_sigframe (16-aligned less 8, as after a call).
struct FramePlace {
  u64 frame;
  u64 state;
  bool overflow;  // it does not fit the alternate stack
};
FramePlace place_frame(const AltStack& stack, bool wants_stack, u64 rsp, u64 state_size);
// True while `rsp` is on the stack; never with SS_AUTODISARM.
bool on_stack(const AltStack& stack, u64 rsp);

// Writes the frame and points t.user and the FPU at the handler. False when the frame cannot be written;
// then nothing has changed. `mask` is what rt_sigreturn will restore.
bool push_frame(Thread& t, const GuestAction& action, const SignalInfo& info, u64 mask);

// sigreturn.cc ----------------------------------------------------------------------------------
// Restores registers, FPU, mask and alternate stack from the frame at t.user.rsp - 8. False for a bad frame.
bool pop_frame(Thread& t);

// altstack.cc -----------------------------------------------------------------------------------
// sigaltstack(2) without its pointers, for a thread whose stack pointer is `rsp`. 0 or -errno.
i64 change_stack(Thread& t, u64 sp, u32 flags, u64 size, u64 rsp);
// Gives the host thread the flags of the guest's, for an exec, which leaves them to the new program.
void hand_over_altstack_flags(const Thread& t);

// deliver.cc ------------------------------------------------------------------------------------
// SIGSEGV that cannot be refused: Linux's force_sig(SIGSEGV), e.g. after a bad frame.
void force_segv(Thread& t);
// The fault of an instruction fetch above user space, when t.user.rip (GUEST) is there: the vCPU is never sent
// to such an address. In a frame of its own, on top of what was just made ready.
void check_rip(Thread& t);

}  // namespace barchan::signal

#endif
