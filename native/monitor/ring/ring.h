// Purpose: system calls without leaving the guest: a vCPU posts a call in its ring page, an executor thread of the host
//          makes it through the same dispatcher, the vCPU looks for the answer (docs/adr/0013-ring.md).
// Owner:   monitor/ring. Threads: one executor for each process, made when calls come thick; Ring::claim says whose a ring is.
// Trust:   the page is GUEST memory: the executor takes one private copy of a call, and nothing in a page decides about
//          anything but the registers of the guest that wrote it.
//
// A thread of the guest enters with its ring open and leaves with it closed; so no executor works for a thread that is in
// the monitor, and whatever takes a thread out of the guest (a signal, a fault, its end) finds its call either made or
// never begun.
#ifndef BARCHAN_MONITOR_RING_RING_H
#define BARCHAN_MONITOR_RING_RING_H

#include "abi/layout.h"
#include "monitor/thread.h"

namespace barchan::ring {

struct alignas(64) Page {
  u32 open;
  alignas(64) u32 post;
  u32 nr;
  u64 argument[6];
  u64 back;
  alignas(64) u32 answer;
  i64 result;
  alignas(64) u32 count;
  u32 negated;
  alignas(64) u8 gap[256];
  u8 served[BARCHAN_RING_CALLS];
};
static_assert(offsetof(Page, post) == BARCHAN_RING_POST && offsetof(Page, nr) == BARCHAN_RING_NR);
static_assert(offsetof(Page, argument) == BARCHAN_RING_ARGUMENTS &&
              offsetof(Page, answer) == BARCHAN_RING_ANSWER);
static_assert(offsetof(Page, result) == BARCHAN_RING_RESULT && offsetof(Page, back) == BARCHAN_RING_RETURN);
static_assert(offsetof(Page, count) == BARCHAN_RING_COUNT && offsetof(Page, negated) == BARCHAN_RING_NEGATED);
static_assert(offsetof(Page, served) == BARCHAN_RING_SERVED);
static_assert(sizeof(Page) <= BARCHAN_PAGE_SIZE);

enum Claim : u32 {
  kClosed,   // its thread's: in the monitor
  kOpen,     // nobody's: in the guest
  kBusy,     // the executor's
  kAwaited,  // the executor's, and the thread sleeps until it is not
};

// The ring of a vCPU, by its number. Lives as long as the monitor.
struct Ring {
  u32 claim;
  u32 seen;  // Page::post of the last call that was taken or given up
  Page* page;
  Thread* owner;  // null while no thread uses it
  u8 refusals[BARCHAN_RING_CALLS];
};

// BARCHAN_RING: `on` is for tests, and lets an executor look whenever there is one.
enum class Mode : u8 { kOff, kAuto, kOn };
extern Mode mode;

// The first start's flags, without kStartRingAuto where an executor would have no processor of its own.
u32 choose(u32 flags);
// Pre: no guest thread runs. `flags`: as choose() left them, in this process or one that became it by exec.
void start(u32 flags);

void open(Thread& t);
void close(Thread& t);
// Around each stay in the guest.
inline void enter(Thread& t) {
  if (t.ring) open(t);
}
inline void leave(Thread& t) {
  if (t.ring) close(t);
}

// Whether the executor has made the call that `t`, which has left the guest, had posted last; then with its result.
bool answered(const Thread& t, u64& result);
// The number of that call. GUEST.
u64 posted_number(const Thread& t);
// The vCPU gave up looking: by a refusal, or since no answer came.
void given_up(Thread& t);
// Where a patched site's call goes back to. GUEST.
u64 return_address(const Thread& t);

// BARCHAN_PATCH. How many calls make a site be patched; 0: none.
extern u32 patch_after;

void call_left(Thread& t, u32 nr);
// Of each call that left the guest, after it was made: begins to use the ring when calls come thick.
inline void note(Thread& t, u32 nr) {
  if (mode != Mode::kOff || patch_after != 0) call_left(t, nr);
}

// The executor looks no longer, and no signal that the process is sent goes to it: before the host blocks SIGSEGV and SIGBUS
// for `t`, as these two would then go to the executor, and before an exec.
void stop_looking(const Thread& t);
// The thread leaves for good.
void thread_exit(Thread& t);
// In a fork's child, which has no executor and a new VM.
void fork_child(Thread& t);
// The executor's thread id, 0 when there is none: no guest may see it.
i32 executor_id();

// ---- between ring.cc, executor.cc and serve.cc ------------------------------------------------------
// Makes the call for `owner`. False: it has to leave the guest.
bool serve(Thread& self, const Thread& owner, const Call& call, i64& result);
bool serves(u32 nr);
// Makes the executor unless it is there, and has it look. False when there cannot be one.
// Counts a call by SYSCALL that goes back to `back`: should its site be patched now?
bool site_is_due(u64 back);
bool executor_wake(Thread& t);
bool executor_looks();
// A vCPU has looked for an answer in vain.
void executor_is_late();
void executor_forget();
u32 ring_count();
Ring& ring_at(u32 index);

inline u64 cycles() {
  u32 low, high;
  asm volatile("rdtsc" : "=a"(low), "=d"(high));
  return low | static_cast<u64>(high) << 32;
}

}  // namespace barchan::ring

#endif
