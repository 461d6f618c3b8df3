// The guest's dispositions and their life: start, threads, fork, exec.
#include <linux/mman.h>

#include "host/string.h"
#include "monitor/ring/ring.h"
#include "monitor/signal/internal.h"

namespace barchan {

using namespace signal;

namespace {

// The first thread's; its users are never counted down to zero while the process lives.
SignalTable first_table;

void store(SignalTable& table, int signo, const GuestAction& action) {
  GuestAction& to = table.actions[signo];
  to.flags = action.flags;
  to.restorer = action.restorer;
  to.mask = action.mask;
  // The host handler, and every host call, read these two without the lock.
  __atomic_store_n(&to.handler, action.handler, __ATOMIC_RELAXED);
  if (!(bit(signo) & kFaults)) return;
  const u64 ignored =
      action.handler == kIgnore ? table.ignored_faults | bit(signo) : table.ignored_faults & ~bit(signo);
  __atomic_store_n(&table.ignored_faults, ignored, __ATOMIC_RELAXED);
}

}  // namespace

namespace signal {

i64 change_action(SignalTable& table, int signo, const GuestAction* action, GuestAction* old) {
  host::Guard guard(table.lock);
  if (old) *old = table.actions[signo];
  if (!action) return 0;
  const i64 error = install(signo, *action);
  if (error == 0) store(table, signo, *action);
  return error;
}

}  // namespace signal

void signals_start(Thread& t) {
  choose_secret();
  if (!t.signals) t.signals = &first_table;
  for (int signo = 1; signo <= kSignals; signo++) {
    GuestAction inherited = {};
    host::call(__NR_rt_sigaction, signo, nullptr, &inherited, kMaskSize);
    store(*t.signals, signo, {inherited.handler == kIgnore ? kIgnore : kDefault, 0, 0, 0});
  }
  u64 mask = 0;
  host::call(__NR_rt_sigprocmask, SIG_SETMASK, nullptr, &mask, kMaskSize);
  t.mask = mask & ~kUnblockable;
  t.pending = 0;
  t.held_faults = 0;
  t.restore_mask = false;
  t.fault_trap = t.fault_error = t.fault_address = 0;
  // From here on a blocked SIGSEGV or SIGBUS that the exec left pending arrives, and is held.
  install(SIGSEGV, t.signals->actions[SIGSEGV]);
  install(SIGBUS, t.signals->actions[SIGBUS]);
  install(SIGSYS, t.signals->actions[SIGSYS]);
  set_mask(t, t.mask);
  // An exec takes the stack away and leaves its flags, so they need not be SS_DISABLE.
  t.altstack = {0, learn_altstack_flags(), 0};
}

void signals_thread_start(Thread& t, bool clears_altstack) {
  t.pending = 0;
  t.held_faults = 0;
  t.restore_mask = false;
  if (clears_altstack) t.altstack = AltStack();
  if (t.vcpu) t.vcpu->run->immediate_exit = 0;
}

void signals_fork_child(Thread& t) {
  t.signals->lock.reset();
  t.signals->users = 1;
  signals_thread_start(t, false);
}

bool signals_copy_table(Thread& t) {
  const i64 page = host::call(__NR_mmap, 0, page_up(sizeof(SignalTable)), PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (host::is_error(page)) return false;
  auto* table = reinterpret_cast<SignalTable*>(page);
  table->users = 1;
  {
    host::Guard guard(t.signals->lock);
    memcpy(table->actions, t.signals->actions, sizeof table->actions);
    table->ignored_faults = t.signals->ignored_faults;
  }
  t.signals = table;
  return true;
}

void signals_share_table(Thread& t) {
  host::Guard guard(t.signals->lock);
  t.signals->users++;
}

void signals_release_table(Thread& t) {
  SignalTable* table = t.signals;
  t.signals = nullptr;
  if (!table) return;
  {
    host::Guard guard(table->lock);
    if (--table->users != 0) return;
  }
  if (table != &first_table) host::call(__NR_munmap, table, page_up(sizeof(SignalTable)));
}

void signals_reset_handlers(Thread& t) {
  constexpr GuestAction kReset = {kDefault, 0, 0, 0};
  for (int signo = 1; signo <= kSignals; signo++) {
    GuestAction old;
    change_action(*t.signals, signo, nullptr, &old);
    // The host's table was reset with the guest's when the host made the clone, the monitor's handlers included.
    if (is_handler(old.handler) || (bit(signo) & kFaults)) {
      change_action(*t.signals, signo, old.handler == kIgnore ? &old : &kReset, nullptr);
    }
  }
}

void signals_before_exec(Thread& t) {
  ring::stop_looking(t);
  constexpr GuestAction kIgnored = {kIgnore, 0, 0, 0};
  for (const int signo : kFaultNumbers) {
    GuestAction action;
    change_action(*t.signals, signo, nullptr, &action);
    if (action.handler == kIgnore) host::call(__NR_rt_sigaction, signo, &kIgnored, nullptr, kMaskSize);
  }
  hand_over_altstack_flags(t);
  host::interruptible(&t.pending, __NR_rt_sigprocmask, SIG_SETMASK, &t.mask, nullptr, kMaskSize);
  for (const int signo : kFaultNumbers) {
    if (!(t.held_faults & bit(signo))) continue;
    release(t, signo);
    requeue(t.held_info[signo == SIGBUS]);
  }
}

void signals_exec_failed(Thread& t) {
  for (const int signo : kFaultNumbers) {
    GuestAction action;
    change_action(*t.signals, signo, nullptr, &action);
    change_action(*t.signals, signo, &action, nullptr);
  }
  signals_restore_mask(t);
}

}  // namespace barchan
