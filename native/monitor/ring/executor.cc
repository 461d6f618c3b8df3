// The thread that makes calls for guest threads which stay in the guest. It looks for posted calls as long as they come
// thick and a processor is free for it, and sleeps otherwise.
#include <asm/unistd.h>
#include <linux/mman.h>
#include <linux/prctl.h>
#include <linux/sched.h>

#include "abi/counters.h"
#include "host/lock.h"
#include "host/string.h"
#include "host/syscall.h"
#include "monitor/host_calls.h"
#include "monitor/policy.h"
#include "monitor/ring/ring.h"
#include "monitor/signal/signal.h"

namespace barchan {
extern "C" i64 barchan_clone(i64 nr, const u64 args[5], void* argument, void (*entry)(void*));
}

namespace barchan::ring {
namespace {

constexpr u64 kStackSize = 64 << 10;
// Cycles. Without a call for so long, it sleeps.
constexpr u64 kIdle = 1 << 18;
// Between two looks: somebody else had this processor.
constexpr u64 kLost = 1 << 17;
// Not woken for so long after it had lost its processor, or found little to do; doubled each time, up to the greatest.
constexpr u64 kFirstRest = 1 << 21, kGreatestRest = 1ull << 28;

// Calls that make up for the looks that end without one.
constexpr u32 kWorth = 64;

Thread self;
SignalTable no_signals;
host::Mutex making;
u64 stack;  // kept for good
i32 id;
bool refused;        // there cannot be one
u32 bell;            // futex: 1 while it is to look
u32 open_to_faults;  // futex: 1 while SIGSEGV and SIGBUS of the process may come to it
u64 rest = kFirstRest, rest_until;

constexpr u64 kFaults = u64{1} << 10 | u64{1} << 6;  // SIGSEGV, SIGBUS

void block_faults(bool block) {
  host::call(__NR_rt_sigprocmask, block ? 0 /* SIG_BLOCK */ : 1 /* SIG_UNBLOCK */, &kFaults, nullptr,
             sizeof kFaults);
}

bool has_foreign_signal() { return __atomic_load_n(&self.held_faults, __ATOMIC_RELAXED) != 0; }

// Pre: the ring is ours. One private copy of the call; nothing of the page is read again.
void execute(Ring& r, u32 post) {
  Page& page = *r.page;
  r.seen = post;
  Call call;
  call.nr = __atomic_load_n(&page.nr, __ATOMIC_RELAXED);
  for (int i = 0; i < 6; i++) call.arg[i] = __atomic_load_n(&page.argument[i], __ATOMIC_RELAXED);
  i64 result = 0;
  const Thread* owner = __atomic_load_n(&r.owner, __ATOMIC_ACQUIRE);
  // A call of a site that is to be patched leaves the guest for that once.
  const bool made = owner && !site_is_due(__atomic_load_n(&page.back, __ATOMIC_RELAXED)) &&
                    serve(self, *owner, call, result);
  if (made) {
    owner->counters->syscalls++;
    __atomic_store_n(&page.result, result, __ATOMIC_RELAXED);
  }
  __atomic_store_n(&page.answer, made ? post : post + 1, __ATOMIC_RELEASE);
}

bool take(Ring& r) {
  u32 claim = kOpen;
  if (!__atomic_compare_exchange_n(&r.claim, &claim, kBusy, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
    return false;
  const u32 post = __atomic_load_n(&r.page->post, __ATOMIC_ACQUIRE);
  const bool any = post != r.seen;
  if (any) execute(r, post);
  if (__atomic_exchange_n(&r.claim, kOpen, __ATOMIC_RELEASE) == kAwaited) host::futex_wake(&r.claim, 1);
  return any;
}

// No ring for a while, and for longer each time: it does not pay now.
void take_rest() {
  const u64 length = __atomic_load_n(&rest, __ATOMIC_RELAXED);
  __atomic_store_n(&rest_until, cycles() + length, __ATOMIC_RELAXED);
  __atomic_store_n(&rest, min(length * 2, kGreatestRest), __ATOMIC_RELAXED);
}

// Until no call has come for a while, or somebody else needs the processor.
void look() {
  u32 served = 0;
  bool lost = false;
  for (u64 before = cycles(), last = before; !has_foreign_signal() && executor_looks();) {
    bool any = false;
    for (u32 i = 0, n = ring_count(); i < n; i++) {
      Ring& r = ring_at(i);
      if (__atomic_load_n(&r.claim, __ATOMIC_ACQUIRE) != kOpen) continue;
      if (__atomic_load_n(&r.page->post, __ATOMIC_RELAXED) != r.seen) any |= take(r);
    }
    const u64 now = cycles();
    lost = !any && now - before > kLost;
    before = now;
    if (any) {
      last = now;
      served++;
      continue;
    }
    if ((lost && mode == Mode::kAuto) || now - last > kIdle) break;
    __builtin_ia32_pause();
  }
  if (lost || served < kWorth) {
    take_rest();
  } else {
    __atomic_store_n(&rest, kFirstRest, __ATOMIC_RELAXED);
  }
}

void executor_main(void*) {
  id = static_cast<i32>(host::call(__NR_gettid));
  // For other monitors, which hide it by this (syscalls/proc_tasks.cc).
  if (!policy::is_active()) host::call(__NR_prctl, PR_SET_NAME, "barchan-ring", 0, 0, 0);
  for (;;) {
    while (__atomic_load_n(&bell, __ATOMIC_ACQUIRE) == 0) host::futex_wait(&bell, 0);
    __atomic_store_n(&open_to_faults, 1, __ATOMIC_SEQ_CST);
    block_faults(false);
    look();
    __atomic_store_n(&bell, 0, __ATOMIC_RELEASE);
    for (u32 i = 0, n = ring_count(); i < n; i++) {
      Page* page = ring_at(i).page;
      if (page) __atomic_store_n(&page->open, 0, __ATOMIC_RELAXED);
    }
    block_faults(true);
    // They are open while it looks, since its own accesses may fault. Ones that somebody sent are for a thread of the guest.
    signals_give_back(self);
    __atomic_store_n(&open_to_faults, 0, __ATOMIC_SEQ_CST);
    host::futex_wake(&open_to_faults, 0x7fffffff);
  }
}

// The executor needs calls of its own, which the filter in force may not have.
bool is_allowed() {
  if (!(policy::active.header.flags & abi::kPolicyHostFilter)) return true;
  const host_calls::CallSet calls = host_calls::reachable(policy::active, {});
  constexpr u32 kNeeded[] = {__NR_clone,      __NR_rt_sigqueueinfo, __NR_preadv2, __NR_fstat,
                             __NR_newfstatat, __NR_fcntl,           __NR_read,    __NR_fstatfs};
  for (u32 nr : kNeeded) {
    if (!calls.has(nr)) return false;
  }
  return true;
}

bool make(Thread& t) {
  if (!is_allowed()) return false;
  if (!stack) {
    const i64 memory = host::call(__NR_mmap, 0, kStackSize + kPageSize, PROT_READ | PROT_WRITE,
                                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (host::is_error(memory)) return false;
    host::call(__NR_mprotect, memory, kPageSize, PROT_NONE);
    stack = static_cast<u64>(memory);
  }
  self = {};
  self.self = &self;
  self.signals = &no_signals;
  self.executes = true;
  const u64 arguments[5] = {CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SETTLS,
                            stack + kStackSize + kPageSize - 64, 0, 0, host::word(&self)};
  // All of them, for good; in executor_main() two are let in.
  const u64 all = ~u64{0};
  host::call(__NR_rt_sigprocmask, 2 /* SIG_SETMASK */, &all, nullptr, sizeof all);
  const i64 result = barchan_clone(__NR_clone, arguments, nullptr, executor_main);
  signals_restore_mask(t);
  if (result < 0) return false;
  id = static_cast<i32>(result);
  return true;
}

}  // namespace

i32 executor_id() { return id; }

bool executor_looks() { return __atomic_load_n(&bell, __ATOMIC_ACQUIRE) != 0; }

bool executor_wake(Thread& t) {
  if (__atomic_load_n(&refused, __ATOMIC_ACQUIRE) ||
      (mode == Mode::kAuto &&
       static_cast<i64>(__atomic_load_n(&rest_until, __ATOMIC_RELAXED) - cycles()) > 0))
    return false;
  {
    host::Guard guard(making);
    if (id == 0 && !make(t)) {
      refused = true;
      return false;
    }
  }
  if (__atomic_exchange_n(&bell, 1, __ATOMIC_RELEASE) == 0) host::futex_wake(&bell, 1);
  return true;
}

void stop_looking(const Thread& t) {
  // Another process's executor gets none of this one's signals.
  if (t.vforked || __atomic_load_n(&open_to_faults, __ATOMIC_SEQ_CST) == 0) return;
  __atomic_store_n(&bell, 0, __ATOMIC_RELEASE);
  // Not for ever: it may be in a call that takes its time, and then has no signal but with bad luck.
  const u64 soon[2] = {0, 10000000};
  for (int i = 0; i < 100 && __atomic_load_n(&open_to_faults, __ATOMIC_SEQ_CST) != 0; i++)
    host::call(__NR_futex, &open_to_faults, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 1, soon);
}

void executor_is_late() {
  if (mode == Mode::kOn) return;
  take_rest();
  __atomic_store_n(&bell, 0, __ATOMIC_RELEASE);
}

void executor_forget() {
  making.reset();
  id = 0;
  bell = 0;
  open_to_faults = 0;
  refused = false;
  rest = kFirstRest;
  rest_until = 0;
}

}  // namespace barchan::ring
