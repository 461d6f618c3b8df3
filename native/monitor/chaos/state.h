// Purpose: what a guest thread has counted of its calls where faults are injected (monitor/chaos/chaos.h).
// Owner:   monitor. Threads: each has its own; an exec hands it on.
#ifndef BARCHAN_MONITOR_CHAOS_STATE_H
#define BARCHAN_MONITOR_CHAOS_STATE_H

#include "abi/chaos.h"

namespace barchan::chaos {

// What outlives an exec. Everything that decides about the thread's calls, beside the rules.
struct Lineage {
  u64 task;      // by whom it was made, and as the how many-eth of whom: the same in each run
  u64 children;  // threads and processes that it has made
  u64 counts[abi::kChaosRulesMax];  // calls that each rule has counted
};

// The rules that hit a call. A rule's number + 1; 0: none.
struct Decision {
  u8 fail, shorten;
  u32 delays;  // bit n: rule n
  u64 random;  // for the length
};

// A call that a signal has put off before it had done anything. It is made again from there after the handler, if at all, and
// has been decided on.
struct Pending {
  bool is_one;
  u32 number;
  u64 rip, rsp;
  Decision decision;
};

struct State {
  Lineage lineage;
  Decision decision;     // on the call being made
  Pending pending;       // the last such call
  bool told;             // Node has been told of the decision
  bool shortens_vector;  // the handler's to do (shorten())
  bool failed;           // the call being made has been given its error here
};

}  // namespace barchan::chaos

#endif
