#include "monitor/answers/answers.h"

#include <asm/unistd.h>

#include "abi/start.h"
#include "host/string.h"
#include "monitor/chaos/chaos.h"
#include "monitor/entry.h"
#include "monitor/events/events.h"
#include "monitor/intercept/intercept.h"
#include "monitor/mm/mm.h"
#include "monitor/mm/sites.h"
#include "monitor/policy.h"
#include "monitor/seccomp.h"

namespace barchan::answers {
namespace {

static_assert(sizeof(Calls::words) * 8 == BARCHAN_RING_CALLS);

// Which call it is, for the counts of each thread.
enum Number : u8 {
#define ANSWER(name, how) k_##name,
#define CHANGE(name)
#include "monitor/answers/calls.def"
  kNumbers
};
static_assert(kNumbers == kAnsweredCalls);

enum How : u8 { kNot, TASK, USER, kChanges };

struct Entry {
  How how = kNot;
  Number number = kNumbers;
};
struct Entries {
  Entry of[BARCHAN_RING_CALLS] = {};
};
consteval Entries entries() {
  Entries table;
#define ANSWER(name, how) table.of[__NR_##name] = {how, k_##name};
#define CHANGE(name) table.of[__NR_##name] = {kChanges, kNumbers};
#include "monitor/answers/calls.def"
  return table;
}
constexpr Entries kEntries = entries();

constexpr u32 kAnswered[] = {
#define ANSWER(name, how) __NR_##name,
#define CHANGE(name)
#include "monitor/answers/calls.def"
};

// What the host says for an id that the user namespace has no map for; it may get one later (DEFAULT_OVERFLOWUID).
constexpr u64 kNoId = 65534;

// Calls of a thread that make an answer worth a page and, perhaps, page tables of its own.
constexpr u8 kUsual = 8;
u8 enough;  // 0: no answers
bool patches;

constexpr u32 kPlaces = 64;
Place places[kPlaces];  // by vCPU
bool shows_watch;

// Whether the gate and whoever else is asked about it would let the call through without a word.
bool is_nobodys(const Thread& t, u32 nr) {
  return !t.vforked && !events::wants(abi::kWatchCall | abi::kWatchTrace) && !intercept::asks_about(nr) &&
         (!policy::is_active() || policy::always_passes(policy::active, nr)) && seccomp_always_allows(t, nr);
}

bool attach(Thread& t) {
  const u32 id = t.vcpu->id;
  mm::VcpuPages pages;
  if (id >= kPlaces || !entry_own_tables(t, pages)) return false;
  if (!shows_watch && !events::show_watch(mm::watch_page())) {
    enough = 0;
    return false;
  }
  shows_watch = true;
  places[id] = {reinterpret_cast<Page*>(pages.answers), pages.ring};
  __atomic_store_n(&t.answers, &places[id], __ATOMIC_RELEASE);
  return true;
}

void take_back(const Place& place, bool all) {
  for (const u32 nr : kAnswered) {
    if (all || kEntries.of[nr].how == USER) __atomic_store_n(&place.page->of[nr].given, 0, __ATOMIC_RELAXED);
  }
}

// Pre: t.user is behind the call, with its result.
bool give(Thread& t, u32 nr) {
  const u64 value = t.user.rax;
  if (value > ~u32{0} || (kEntries.of[nr].how == USER && value == kNoId)) return false;
  const SeccompFilter* const filters = __atomic_load_n(&t.seccomp_filters, __ATOMIC_ACQUIRE);
  if (!is_nobodys(t, nr)) return false;
  const bool first = !t.answers || t.answers->page->of[nr].given == 0;
  // Before attach(), which has the vCPU stand in ring 3.
  if (first && patches && t.position == Position::kSyscall) mm::patch_site(t.user.rip, nr);
  if (!t.answers && !attach(t)) return false;
  Page::Answer& answer = t.answers->page->of[nr];
  answer.value = static_cast<u32>(value);
  __atomic_store_n(&answer.given, 1, __ATOMIC_RELEASE);
  // Whoever gives this thread another filter now does so before he looks for answers to take back (withdraw()).
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
  if (__atomic_load_n(&t.seccomp_filters, __ATOMIC_RELAXED) != filters) take_back(*t.answers, true);
  return true;
}

}  // namespace

void start(u32 flags) {
  const bool off = flags & (abi::kStartAnswersOff | abi::kStartTrace) || chaos::active;
  enough = off ? 0 : flags & abi::kStartAnswersOn ? 1 : kUsual;
  patches = !(flags & abi::kStartPatchOff) && mm::vm().ring_port;
}

bool call_left(Thread& t, u32 nr) {
  if (enough == 0) return false;
  const Entry& e = kEntries.of[nr];
  if (e.how == kChanges) {
    if (t.answers) take_back(*t.answers, false);
    return false;
  }
  u8& calls = t.answered_calls[e.number];
  if (calls + 1 < enough) {
    calls++;
    return is_nobodys(t, nr);
  }
  return give(t, nr);
}

void withdraw(const Thread& t) {
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
  if (const Place* place = __atomic_load_n(&t.answers, __ATOMIC_ACQUIRE)) take_back(*place, true);
}

void vcpu_taken(u32 id) {
  if (id < kPlaces && places[id].page) take_back(places[id], true);
}

void fork_child(Thread& t) {
  for (Place& place : places) place = {};
  t.answers = nullptr;
}

u64 kept(const Thread& t) {
  u64 value = 0;
  if (t.answers) memcpy(&value, t.answers->ring + BARCHAN_RING_KEPT, sizeof value);
  return value;
}

}  // namespace barchan::answers
