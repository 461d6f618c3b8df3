// The guest threads' side of the ring.
#include "monitor/ring/ring.h"

#include <asm/unistd.h>
#include <linux/close_range.h>
#include <linux/prctl.h>

#include "abi/start.h"
#include "host/string.h"
#include "host/syscall.h"
#include "monitor/entry.h"
#include "monitor/events/events.h"
#include "monitor/intercept/intercept.h"
#include "monitor/mm/mm.h"
#include "monitor/mm/sites.h"

namespace barchan::ring {

Mode mode = Mode::kOff;
u32 patch_after;

namespace {

// vCPUs with higher numbers have no ring.
constexpr u32 kRings = 64;
Ring rings[kRings];
u32 count;

// Calls in a row, each soon after the one before, that make a ring worth its executor.
constexpr u32 kHot = 8;
constexpr u64 kSoon = 1 << 19;  // cycles: some 200 microseconds
// Refusals after which a vCPU no longer posts calls of that number, until the executor is woken again.
constexpr u8 kRefusals = 8;

// Sites by a hash of where their calls go back to. One that finds its place taken by another is never patched.
struct Site {
  u64 back;
  u32 calls;
};
constexpr u32 kJudged = ~u32{0};
Site call_sites[1024];
u64 place_of(u64 back) { return back * 0x9e3779b97f4a7c15 >> 54; }

// The calling thread's credentials, descriptors or directories may be others than the executor's from now on.
bool parts_thread(const Thread& t, u32 nr) {
  switch (nr) {
    case __NR_setuid:
    case __NR_setgid:
    case __NR_setreuid:
    case __NR_setregid:
    case __NR_setresuid:
    case __NR_setresgid:
    case __NR_setfsuid:
    case __NR_setfsgid:
    case __NR_setgroups:
    case __NR_capset:
    case __NR_unshare:
    case __NR_setns:
    case __NR_landlock_restrict_self: return true;
    case __NR_close_range: return t.user.rdx & CLOSE_RANGE_UNSHARE;
    case __NR_prctl:
      switch (static_cast<u32>(t.user.rdi)) {
        case PR_CAPBSET_DROP:
        case PR_SET_SECUREBITS:
        case PR_SET_KEEPCAPS:
        case PR_CAP_AMBIENT: return true;
        default: return false;
      }
    default: return false;
  }
}

// Nobody but the host is asked about the thread's calls, and nothing of it is its own.
bool may_use(const Thread& t) {
  return !t.vforked && !t.no_ring && t.seccomp_mode == 0 && !events::watched() && !intercept::active &&
         refused_faults(t) == 0;
}

// Gives the thread's vCPU a ring page. False: it has to do without.
bool attach(Thread& t) {
  const u32 id = t.vcpu->id;
  if (id >= kRings) return false;
  mm::VcpuPages pages;
  if (!entry_own_tables(t, pages)) return false;
  Ring& r = rings[id];
  r.page = reinterpret_cast<Page*>(pages.ring);
  r.page->open = 0;
  r.claim = kClosed;
  __atomic_store_n(&r.owner, &t, __ATOMIC_RELEASE);
  for (u32 seen = __atomic_load_n(&count, __ATOMIC_RELAXED); seen <= id;) {
    if (__atomic_compare_exchange_n(&count, &seen, id + 1, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED)) break;
  }
  t.ring = &r;
  return true;
}

void show_served(Ring& r) {
  for (u32 nr = 0; nr < BARCHAN_RING_CALLS; nr++) r.page->served[nr] = serves(nr);
  memset(r.refusals, 0, sizeof r.refusals);
}

}  // namespace

u32 ring_count() { return __atomic_load_n(&count, __ATOMIC_ACQUIRE); }
Ring& ring_at(u32 index) { return rings[index]; }

u32 choose(u32 flags) {
  if (!(flags & abi::kStartRingAuto)) return flags;
  u64 set[128] = {};  // the kernel's CONFIG_NR_CPUS is at most 8192
  const i64 size = host::call(__NR_sched_getaffinity, 0, sizeof set, set);
  u32 processors = 0;
  for (i64 i = 0; i < size / 8; i++) {
    for (u64 left = set[i]; left != 0; left &= left - 1) processors++;
  }
  return processors < 2 ? flags & ~abi::kStartRingAuto : flags;
}

void start(u32 flags) {
  constexpr u32 kUsual = 32;
  patch_after = flags & abi::kStartPatchOn                          ? 1
                : flags & abi::kStartPatchOff                       ? 0
                : flags & (abi::kStartRingOn | abi::kStartRingAuto) ? kUsual
                                                                    : 0;
  if (!mm::vm().ring_port) patch_after = 0;
  mode = flags & abi::kStartRingOn ? Mode::kOn : flags & abi::kStartRingAuto ? Mode::kAuto : Mode::kOff;
}

void open(Thread& t) {
  Ring& r = *t.ring;
  const bool looks = executor_looks() && may_use(t);
  __atomic_store_n(&r.page->open, looks, __ATOMIC_RELAXED);
  r.seen = __atomic_load_n(&r.page->post, __ATOMIC_RELAXED);
  if (looks) __atomic_store_n(&r.claim, kOpen, __ATOMIC_RELEASE);
}

void close(Thread& t) {
  Ring& r = *t.ring;
  constexpr u32 kPatience = 1000;
  for (u32 looks = 0;; looks++) {
    u32 claim = kOpen;
    if (__atomic_compare_exchange_n(&r.claim, &claim, kClosed, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE) ||
        claim == kClosed)
      return;
    if (looks < kPatience) {
      __builtin_ia32_pause();
      continue;
    }
    claim = kBusy;
    if (__atomic_compare_exchange_n(&r.claim, &claim, kAwaited, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED) ||
        claim == kAwaited)
      host::futex_wait(&r.claim, kAwaited);
  }
}

bool answered(const Thread& t, u64& result) {
  if (!t.ring) return false;
  const Page& page = *t.ring->page;
  if (__atomic_load_n(&page.answer, __ATOMIC_ACQUIRE) != page.post) return false;
  result = static_cast<u64>(page.result);
  return true;
}

u64 posted_number(const Thread& t) { return t.ring ? t.ring->page->nr : t.user.rax; }
u64 return_address(const Thread& t) { return t.ring ? t.ring->page->back : t.user.rcx; }

void given_up(Thread& t) {
  if (!t.ring) return;
  const u32 nr = t.ring->page->nr, post = t.ring->page->post;
  if (t.ring->page->answer != post + 1) return executor_is_late();
  if (nr >= BARCHAN_RING_CALLS) return;
  if (++t.ring->refusals[nr] >= kRefusals) t.ring->page->served[nr] = 0;
}

bool site_is_due(u64 back) {
  if (patch_after == 0) return false;
  Site& s = call_sites[place_of(back)];
  u64 holder = 0;
  if (!__atomic_compare_exchange_n(&s.back, &holder, back, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED) &&
      holder != back)
    return false;
  const u32 calls = __atomic_load_n(&s.calls, __ATOMIC_RELAXED);
  if (calls == kJudged) return false;
  __atomic_store_n(&s.calls, calls + 1, __ATOMIC_RELAXED);
  return calls + 1 >= patch_after;
}

void call_left(Thread& t, u32 nr) {
  if (parts_thread(t, nr)) t.no_ring = true;
  if (serves(nr) && t.position == Position::kSyscall && !t.vforked && site_is_due(t.user.rip)) {
    __atomic_store_n(&call_sites[place_of(t.user.rip)].calls, kJudged, __ATOMIC_RELAXED);
    mm::patch_site(t.user.rip, nr);
  }
  if (mode == Mode::kOff) return;
  if (!serves(nr) || executor_looks()) {
    if (!t.ring && serves(nr) && may_use(t) && attach(t)) show_served(*t.ring);
    return;
  }
  const u64 now = cycles();
  const u64 passed = now - t.ring_last;
  t.ring_last = now;
  t.ring_heat = passed < kSoon ? t.ring_heat + 1 : 0;
  if ((t.ring_heat < kHot && mode != Mode::kOn) || !may_use(t)) return;
  t.ring_heat = 0;
  if (!t.ring && !attach(t)) return;
  if (executor_wake(t)) show_served(*t.ring);
}

void thread_exit(Thread& t) {
  if (!t.ring) return;
  Ring& r = *t.ring;
  r.page->open = 0;
  __atomic_store_n(&r.owner, nullptr, __ATOMIC_RELEASE);
  t.ring = nullptr;
}

void fork_child(Thread& t) {
  for (u32 i = 0; i < count; i++) {
    rings[i].claim = kClosed;
    rings[i].owner = nullptr;
    if (rings[i].page) rings[i].page->open = 0;
  }
  count = 0;
  t.ring = nullptr;
  t.no_ring = false;  // an executor of this process would be its child
  executor_forget();
}

}  // namespace barchan::ring
