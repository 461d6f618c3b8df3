// From a captured signal or a fault to the guest's handler, or to the default action.
#include "monitor/debug/debug.h"
#include "monitor/events/events.h"
#include "monitor/policy.h"
#include "monitor/signal/internal.h"
#include "monitor/thread_pool.h"

namespace barchan {

using namespace signal;

namespace {

constexpr u64 kLowerHalfEnd = 1ull << 47;
constexpr u64 kTrapDebug = 1, kTrapBreakpoint = 3, kTrapProtection = 13, kTrapPageFault = 14;
constexpr u64 kFetchFromKernel = 0x15;  // #PF error code: present, user, instruction fetch

constexpr SignalInfo kForcedSegv = {SIGSEGV, 0, SI_KERNEL, 0, {}};

enum class Outcome {
  kHandler,  // t.user is at a handler's entry
  kNothing,  // ignored, or left to the host kernel
};

// The action for a signal that is being delivered. SA_RESETHAND takes effect here.
GuestAction take_action(Thread& t, int signo) {
  GuestAction action;
  change_action(*t.signals, signo, nullptr, &action);
  if (is_handler(action.handler) && (action.flags & SA_RESETHAND)) {
    GuestAction reset = action;
    reset.handler = kDefault;
    change_action(*t.signals, signo, &reset, nullptr);
  }
  return action;
}

// Runs the handler, or dies: a frame that cannot be written is a SIGSEGV, and for SIGSEGV itself the end.
void run_handler(Thread& t, const GuestAction& action, const SignalInfo& info) {
  const u64 saved = t.restore_mask ? t.saved_mask : t.mask;
  if (!push_frame(t, action, info, saved)) {
    if (info.signo == SIGSEGV) die_by_signal(SIGSEGV);
    return force_segv(t);
  }
  t.restore_mask = false;
  t.mask |= action.mask & ~kUnblockable;
  if (!(action.flags & SA_NODEFER)) t.mask |= bit(info.signo);
}

// force_sig(): neither a mask nor SIG_IGN protects from a fault.
void force(Thread& t, const SignalInfo& info) {
  const bool blocked = t.mask & bit(info.signo);
  const GuestAction action = blocked ? GuestAction{} : take_action(t, info.signo);
  if (!is_handler(action.handler)) die_by_signal(info.signo);
  run_handler(t, action, info);
}

Outcome deliver(Thread& t, const SignalInfo& info) {
  const int signo = info.signo;
  const bool is_fault = bit(signo) & kFaults;
  if (t.mask & bit(signo)) {
    is_fault ? hold(t, info) : requeue(info);
    return Outcome::kNothing;
  }
  const GuestAction action = take_action(t, signo);
  if (is_handler(action.handler)) {
    events::signalled(info);
    run_handler(t, action, info);
    return Outcome::kHandler;
  }
  // Another thread changed the disposition after the capture. The host has the same one and acts by it as soon as
  // the signal is unblocked; SIGSEGV and SIGBUS, and under a policy SIGSYS, have the monitor's handler by default.
  if (action.handler == kDefault && (is_fault || (signo == SIGSYS && policy::is_active())))
    die_by_signal(signo);
  if (is_fault) return Outcome::kNothing;
  change_action(*t.signals, signo, &action, nullptr);
  requeue(info);
  return Outcome::kNothing;
}

// The captured signal first, which the kernel chose; then held ones, the lowest number first as the kernel does.
bool take_next(Thread& t, SignalInfo& info) {
  if (t.pending) {
    info = t.captured;
    // In this order: a capture right after `pending` is cleared sets both again.
    if (t.vcpu) t.vcpu->run->immediate_exit = 0;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    t.pending = 0;
    return true;
  }
  const u64 held = t.held_faults & ~t.mask;
  if (held == 0) return false;
  const int signo = (held & bit(SIGBUS)) ? SIGBUS : SIGSEGV;
  info = t.held_info[signo == SIGBUS];
  __atomic_signal_fence(__ATOMIC_SEQ_CST);
  release(t, signo);
  return true;
}

// Calls that only a signal can end have no use for an EINTR that nothing was delivered for.
bool waits_for_handler(i64 call) { return call == __NR_pause || call == __NR_rt_sigsuspend; }

void make_again(Thread& t, i64 call) {
  t.user.rip -= 2;  // `syscall` is two bytes
  t.user.rax = static_cast<u64>(call);
  t.user_changed = true;
}

}  // namespace

namespace signal {

void force_segv(Thread& t) { force(t, kForcedSegv); }

void check_rip(Thread& t) {
  // SIGSEGV's own handler may be out of reach too: then frames pile up until one cannot be written, as in Linux.
  while (t.user.rip >= kLowerHalfEnd) {
    // IRET refuses an address that is not canonical; one in the kernel's half is fetched from, and faults.
    const u64 rip = t.user.rip;
    const bool fetches = rip >= ~(kLowerHalfEnd - 1);
    SignalInfo info = kForcedSegv;
    t.fault_trap = fetches ? kTrapPageFault : kTrapProtection;
    t.fault_error = fetches ? kFetchFromKernel : 0;
    if (fetches) {
      t.fault_address = rip;
      info.code = SEGV_MAPERR;
      info.fields[0] = rip;
    }
    force(t, info);
  }
}

}  // namespace signal

void signals_deliver(Thread& t, i64 call) {
  if (call >= 0 && t.user.rax == static_cast<u64>(host::kRestart)) make_again(t, call);

  bool handled = false;
  SignalInfo info;
  while (take_next(t, info)) {
    if (deliver(t, info) == Outcome::kHandler) handled = true;
    // With another signal captured under the new mask, this one's handler is the first to be interrupted.
    if (!t.restore_mask) set_mask(t, t.mask);
  }
  if (handled && t.user.rip >= kLowerHalfEnd) {
    check_rip(t);
    set_mask(t, t.mask);
  }
  if (!handled && waits_for_handler(call) && t.user.rax == static_cast<u64>(-EINTR)) make_again(t, call);
  if (t.restore_mask) {
    t.restore_mask = false;
    set_mask(t, t.saved_mask);
  }
}

void signal_fault(Thread& t, int signo, int code, u64 address, u64 trap_number, u64 error_code, u64 cr2) {
  const bool is_trap = trap_number == kTrapDebug || trap_number == kTrapBreakpoint;
  if (t.pending) {
    // The faulting instruction runs again after the captured signal's handler and faults again. A trap is past
    // its instruction: its signal goes first, and the captured one back into the host's queue.
    if (!is_trap) return signals_deliver(t, -1);
    SignalInfo info;
    take_next(t, info);
    requeue(info);
  }
  t.fault_trap = trap_number;
  t.fault_error = error_code;
  if (trap_number == kTrapPageFault) t.fault_address = cr2;
  SignalInfo info = {signo, 0, code, 0, {}};
  info.fields[0] = address;
  if (debug::active && !debug::allows_signal(t, info)) return;
  events::faulted(t, info);
  force(t, info);
  check_rip(t);
  set_mask(t, t.mask);
}

void signals_thread_exit(Thread& t) {
  if (!t.pending || t.captured.code == SI_TKILL || (bit(t.captured.signo) & kFaults)) return;
  t.pending = 0;
  if (pool_is_last(t)) return;  // the signal goes with the process
  // To the process, by the number of the sender itself: only so may a siginfo of the kernel's be sent on.
  host::call(__NR_rt_sigqueueinfo, tid_of(t), t.captured.signo, &t.captured);
}

void signal_force(Thread& t, const SignalInfo& info) {
  force(t, info);
  check_rip(t);
  set_mask(t, t.mask);
}

}  // namespace barchan
