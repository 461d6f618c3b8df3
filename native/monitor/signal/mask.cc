// Masks. The host thread's is the guest's less SIGSEGV/SIGBUS, or everything from capture to delivery. Changes of
// the host's mask go through host::interruptible(), which a captured signal prevents: so they cannot unblock what capture
// blocked, and delivery puts the mask of then in place.
#include "monitor/ring/ring.h"
#include "monitor/signal/internal.h"

namespace barchan {

using namespace signal;

u64 signals_host_mask(u64 guest_mask) { return guest_mask & ~kFaults; }

namespace signal {

void set_mask(Thread& t, u64 mask) {
  t.mask = mask & ~kUnblockable;
  const u64 host_mask = signals_host_mask(t.mask);
  host::interruptible(&t.pending, __NR_rt_sigprocmask, SIG_SETMASK, &host_mask, nullptr, kMaskSize);
}

}  // namespace signal

i64 Thread::host_call_refusing_faults(i64 nr, const u64 (&args)[6]) {
  const u64 refused = refused_faults(*this);
  ring::stop_looking(*this);
  host::call(__NR_rt_sigprocmask, SIG_BLOCK, &refused, nullptr, kMaskSize);
  const i64 result = host::barchan_interruptible(nr, args, &pending);
  // What came meanwhile is held, or dropped, by the monitor's handler now.
  host::call(__NR_rt_sigprocmask, SIG_UNBLOCK, &refused, nullptr, kMaskSize);
  return result;
}

void signals_block_all() { host::call(__NR_rt_sigprocmask, SIG_SETMASK, &kAllBlocked, nullptr, kMaskSize); }

void signals_restore_mask(Thread& t) {
  set_mask(t, t.mask);
  // With a signal captured the rest stays blocked; faults never may, as delivery writes to the guest's memory.
  if (t.pending) host::call(__NR_rt_sigprocmask, SIG_UNBLOCK, &kFaults, nullptr, kMaskSize);
}

void signals_begin_mask(Thread& t, u64 mask) {
  t.saved_mask = t.mask;
  t.restore_mask = true;
  __atomic_signal_fence(__ATOMIC_SEQ_CST);
  t.mask = mask & ~kUnblockable;
}

i64 signals_end_mask(Thread& t, i64 result) {
  // EINTR with a signal at hand: it came under the temporary mask, which stays for its delivery.
  if (result == -EINTR && signals_waiting(t)) return result;
  t.mask = t.saved_mask;
  t.restore_mask = false;
  return result;
}

}  // namespace barchan
