// Purpose: faults that are injected into a program's calls on purpose: some fail, come late, or move fewer bytes.
// Owner:   monitor. Threads: the rules are start-up's and constant afterwards, forks inherit them, an exec reads them again; what
//          is counted belongs to the thread.
// Trust:   arguments are checked GUEST values. A rule takes away only: a call that fails is not made at all, a shorter one is
//          one that the guest could have made itself.
#ifndef BARCHAN_MONITOR_CHAOS_CHAOS_H
#define BARCHAN_MONITOR_CHAOS_CHAOS_H

#include "monitor/chaos/rules.h"
#include "monitor/table.h"
#include "monitor/thread.h"

namespace barchan {
class IoVector;
}

namespace barchan::chaos {

// Private descriptor kFdChaos is open.
extern bool active;

// Reads the rules, if there are any. Null or what is wrong. Pre: private descriptors are parked.
const char* load();

// Decides on a call that the guest's filters and the policy have let through, waits if it is to come late, and shortens it.
// `call` as checked (monitor/check.h), `row` its row. True: it is not made, `result` is the guest's.
bool inject(Thread& t, Call& call, const table::Row& row, i64& result);
// After the call. One that a signal has put off is decided on once.
inline void ended(Thread& t, const Call& call, i64 result) {
  if (result != host::kRestart) return;
  State& s = t.chaos;
  s.pending = {true, static_cast<u32>(call.nr), t.user.rip, t.user.rsp, s.decision};
  s.pending.decision.delays = 0;
}

// For the handlers of calls with a vector: cuts it where inject() has said so.
void shorten_vector(Thread& t, const Call& call, IoVector& vector);
inline void shorten(Thread& t, const Call& call, IoVector& vector) {
  if (t.chaos.shortens_vector) [[unlikely]]
    shorten_vector(t, call, vector);
}

// The first thread of all.
void first(Thread& t);
// `child`, whose making has begun, becomes the next child of `parent`; in a fork's child both are the same.
void begin_child(Thread& child, const Thread& parent);
// Its making has succeeded.
inline void made_child(Thread& parent) { parent.chaos.lineage.children++; }

}  // namespace barchan::chaos

#endif
