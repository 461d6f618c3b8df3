// The host side of signals: which handler the host has for a signal, and that handler.
//
// The handler runs on the monitor's stack with every signal blocked. It touches nothing but the fields of
// Thread that are made for it, so it may interrupt the monitor anywhere.
#include "host/uaccess.h"
#include "monitor/debug/debug.h"
#include "monitor/policy.h"
#include "monitor/report.h"
#include "monitor/signal/frame.h"
#include "monitor/signal/internal.h"

namespace barchan {

extern "C" void barchan_signal_restorer();

namespace signal {
namespace {

constexpr u64 kTrapPageFault = 14;

// True for a fault of the monitor's own code. A positive code alone does not say so: F_SETSIG, the exit signal of
// a clone child and rt_sigqueueinfo to oneself make SIGSEGV with such codes too. A page fault's address is also
// in CR2, and SI_KERNEL is what a general protection fault has.
bool is_own_fault(int signo, const SignalInfo& info, const sigcontext& at) {
  if (info.code <= 0) return false;
  if (signo == SIGSEGV || signo == SIGBUS) {
    return info.code == SI_KERNEL || (at.trapno == kTrapPageFault && info.fields[0] == at.cr2);
  }
  return (signo == SIGILL || signo == SIGFPE) && info.fields[0] == at.rip;
}

// Of the thread that faulted last (learn_altstack_flags).
u32 host_altstack_flags;

void on_signal(int signo, SignalInfo* info, ucontext* context) {
  sigcontext& at = context->uc_mcontext;
  u64 rip = at.rip;
  if (is_own_fault(signo, *info, at)) {
    if (!uaccess_fixup(rip)) monitor_crash("fault in the monitor", rip, info->fields[0]);
    at.rip = rip;
    host_altstack_flags = static_cast<u32>(context->uc_stack.ss_flags);
    return;
  }

  restore_given_back(*info);
  Thread& t = current();
  if (debug::active && debug::take_kick(t, *info)) return;
  if (t.executes) return hold(t, *info);
  if (bit(signo) & kFaults) {
    const bool blocked = t.mask & bit(signo);
    const u64 handler = __atomic_load_n(&t.signals->actions[signo].handler, __ATOMIC_RELAXED);
    if (handler == kIgnore && !blocked) return;
    if (blocked || t.pending) return hold(t, *info);
  }
  // Everything is blocked from capture to delivery, so this is the only one.
  if (t.pending) monitor_crash("a second signal before the first was delivered", signo, t.captured.signo);
  t.captured = *info;
  __atomic_signal_fence(__ATOMIC_SEQ_CST);
  t.pending = 1;
  if (t.vcpu) t.vcpu->run->immediate_exit = 1;
  __builtin_memcpy(&context->uc_sigmask, &kAllBlocked, sizeof kAllBlocked);
  if (host::interrupt_before_call(rip)) at.rip = rip;
}

}  // namespace

void hold(Thread& t, const SignalInfo& info) {
  if (t.held_faults & bit(info.signo)) return;
  t.held_info[info.signo == SIGBUS] = info;
  __atomic_signal_fence(__ATOMIC_SEQ_CST);
  __atomic_fetch_or(&t.held_faults, bit(info.signo), __ATOMIC_RELAXED);
}

u32 learn_altstack_flags() {
  probe_guest(BARCHAN_ARENA_START, false);
  return host_altstack_flags;
}

i64 install(int signo, const GuestAction& action) {
  constexpr u64 kChildFlags = SA_NOCLDSTOP | SA_NOCLDWAIT;
  GuestAction host = {action.handler, action.flags & kChildFlags, 0, 0};
  const bool is_fault = bit(signo) & kFaults;
  // The guest's own deaths by SIGSYS are told from those by the host filter: they go through die_by_signal().
  const bool is_told = signo == SIGSYS && action.handler == kDefault && policy::is_active();
  if (is_handler(action.handler) || is_fault || is_told) {
    host.handler = reinterpret_cast<u64>(&on_signal);
    host.flags |= SA_SIGINFO | SA_RESTORER;
    host.restorer = reinterpret_cast<u64>(&barchan_signal_restorer);
    host.mask = ~0ull;
    // An ignored fault signal must not end a call.
    if (!is_handler(action.handler) || (action.flags & SA_RESTART)) host.flags |= SA_RESTART;
  }
  return host::call(__NR_rt_sigaction, signo, &host, nullptr, kMaskSize);
}

}  // namespace signal
}  // namespace barchan
