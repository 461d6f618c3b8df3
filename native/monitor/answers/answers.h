// Purpose: answers inside the VM: what a thread's last call of calls.def gave, for its vCPU to give again by itself
//          (docs/adr/0015-answers.md).
// Owner:   monitor/answers. Threads: a page of answers is written by its thread, in the monitor; any thread may take answers
//          back.
// Trust:   the guest reads the page and cannot write it. Nothing in it is ever read back.
//
// An answer is given only where nobody but the host would have been asked about the call, whatever its registers hold: no
// policy, filter of the guest's, listener or tracer. Who begins to listen sets the word that the gate looks at before each
// answer (abi/events.h); a filter that comes takes the answers back.
#ifndef BARCHAN_MONITOR_ANSWERS_ANSWERS_H
#define BARCHAN_MONITOR_ANSWERS_ANSWERS_H

#include <asm/unistd.h>

#include "abi/layout.h"
#include "monitor/thread.h"

namespace barchan::answers {

struct Page {
  struct Answer {
    u32 value;
    u32 given;  // not 0: `value` is the call's result
  } of[BARCHAN_RING_CALLS];
};
static_assert(sizeof(Page::Answer) == 1 << BARCHAN_ANSWER_SHIFT);
static_assert(offsetof(Page::Answer, given) == BARCHAN_ANSWER_GIVEN && offsetof(Page::Answer, value) == 0);
static_assert(sizeof(Page) == BARCHAN_PAGE_SIZE);

// The pages of a vCPU whose thread has answers.
struct Place {
  Page* page;
  const u8* ring;  // GUEST: its ring page
};

// Pre: no guest thread runs. `flags`: as ring::start() gets them.
void start(u32 flags);

// Bit n: call n is in calls.def.
struct Calls {
  u64 words[8] = {};
  constexpr void add(u32 nr) { words[nr / 64] |= u64{1} << nr % 64; }
  constexpr bool has(u32 nr) const { return nr < 512 && words[nr / 64] >> nr % 64 & 1; }
};
consteval Calls listed() {
  Calls calls;
#define ANSWER(name, how) calls.add(__NR_##name);
#define CHANGE(name) calls.add(__NR_##name);
#include "monitor/answers/calls.def"
  return calls;
}
inline constexpr Calls kListed = listed();

bool call_left(Thread& t, u32 nr);
// Of each call that left the guest, after it was made; t.user.rax is its result. True: it is a call that is answered by now
// or soon, so nothing else need be done to make it cheaper.
inline bool note(Thread& t, u32 nr) { return kListed.has(nr) && call_left(t, nr); }

// Another filter is in force for `t` now: takes back what it was given. From any thread.
void withdraw(const Thread& t);

// Before a thread begins to use the vCPU of this number.
void vcpu_taken(u32 id);
// In a fork's child, whose vCPUs are new.
void fork_child(Thread& t);

// The answer that was in the entry's hands when it was stopped. GUEST.
u64 kept(const Thread& t);

}  // namespace barchan::answers

#endif
