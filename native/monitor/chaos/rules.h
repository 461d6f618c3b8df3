// Purpose: the rules by which faults are injected, and which calls they hit: pure logic, also built hosted for tests and fuzzing.
// Owner:   monitor. Threads: any, no state. Trust: the blob is checked in full before it counts.
#ifndef BARCHAN_MONITOR_CHAOS_RULES_H
#define BARCHAN_MONITOR_CHAOS_RULES_H

#include "monitor/chaos/state.h"

namespace barchan::chaos {

struct Rules {
  abi::ChaosHeader header = {};
  abi::ChaosRule rule[abi::kChaosRulesMax] = {};
};

// Null when the `size` bytes are rules, else what is wrong with them.
const char* parse(const u8* bytes, u64 size, Rules& rules);

inline bool names(const abi::ChaosRule& rule, u32 nr) {
  return nr < 512 && (rule.calls[nr / 64] >> nr % 64 & 1);
}

// The number that decides about the `count`-th call (from 1) that rule `index` sees of `task`.
u64 random(u64 seed, u64 task, u32 index, u64 count);
// Does the rule hit that call?
bool hits(const Rules& rules, u32 index, u64 task, u64 count);

// The first thread of the first process, and the `number`-th (from 1) that a task has made.
u64 first_task();
u64 child_task(u64 parent, u64 number);

// From 1 to `whole` - 1, and `most` where that is not 0. Pre: whole > 1.
u64 shortened(u64 whole, u64 most, u64 random);

enum class Shortening : u8 { kNone, kReads, kReadsVector, kWrites, kWritesVector, kElements };
struct Shortens {
  Shortening how = Shortening::kNone;
  u8 argument = 0;  // with the count; of vectors none
};
Shortens shortens(u32 nr);

}  // namespace barchan::chaos

#endif
