// Purpose: which host calls a policy lets a guest cause, from host_calls.def and the system-call table.
// Owner:   monitor. Pure logic, also built hosted for tests. Threads: any, no state.
// Trust:   the policy has been checked (monitor/policy.h).
#ifndef BARCHAN_MONITOR_HOST_CALLS_H
#define BARCHAN_MONITOR_HOST_CALLS_H

#include "monitor/policy.h"

namespace barchan::host_calls {

// A set of system-call numbers below 512.
class CallSet {
 public:
  constexpr void add(u32 nr) { words_[nr / 64] |= u64{1} << nr % 64; }
  constexpr void add(const CallSet& more) {
    for (u32 i = 0; i < kEnd / 64; i++) words_[i] |= more.words_[i];
  }
  constexpr bool has(u32 nr) const { return nr < kEnd && (words_[nr / 64] >> nr % 64 & 1); }
  constexpr u32 count() const {
    u32 n = 0;
    for (u64 word : words_) n += static_cast<u32>(__builtin_popcountll(word));
    return n;
  }
  static constexpr u32 kEnd = 512;

 private:
  u64 words_[kEnd / 64] = {};
};

// What a program has beside its policy: a trace, calls that Node decides, faults injected, a debugger.
struct Use {
  bool traced = false, intercepted = false, chaotic = false, debugged = false;
};

// What the calls that the policy can let pass need, and what every program needs, with what it has.
CallSet reachable(const policy::Policy& policy, Use use);

// What a call becomes: the target of a REWRITE row, any other call itself.
u32 target_of(u32 nr);

}  // namespace barchan::host_calls

#endif
