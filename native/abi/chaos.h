// Purpose: the faults that a program's system calls meet on purpose, in binary form (docs/chaos.md).
// Owner:   abi; written by lib/chaos-blob.ts (little-endian, as below), read and checked by monitor/chaos/rules.cc.
// Trust:   comes from Node on a descriptor that no guest can reach; checked in full all the same.
//
// ChaosHeader, then `rules` ChaosRules. Each rule counts the calls of its set that a thread makes, from 1. It hits the n-th when
// `first` <= n <= `last`, (n - first) is a multiple of `step`, and a number that follows from seed, task, rule and n alone
// is not above `threshold`.
#ifndef BARCHAN_ABI_CHAOS_H
#define BARCHAN_ABI_CHAOS_H

#include "host/types.h"

namespace barchan::abi {

constexpr u32 kChaosMagic = 0x53414843;  // "CHAS"
constexpr u32 kChaosVersion = 1;
constexpr u32 kChaosRulesMax = 32;
constexpr u64 kChaosDelayMax = 600'000'000'000;  // nanoseconds

struct ChaosHeader {
  u32 magic, version;
  u32 size;   // of the whole, in bytes
  u32 rules;  // 1..kChaosRulesMax
  u64 seed;
  u64 reserved;  // zero
};
static_assert(sizeof(ChaosHeader) == 32);

enum ChaosAction : u8 {
  kChaosFail = 1,     // the call is not made, and fails with `error`
  kChaosShorten = 2,  // it is made for fewer bytes or elements, `amount` at most where that is not 0
  kChaosDelay = 3,    // it is made `amount` nanoseconds later
};

// What the call's first argument, a descriptor, must be.
enum ChaosOn : u8 {
  kChaosAny = 0,      // not looked at
  kChaosFiles = 1,    // regular files, directories, block devices
  kChaosStreams = 2,  // all else: pipes, sockets, terminals, eventfds, ...
};

struct ChaosRule {
  u8 action;
  u8 on;
  u16 error;  // 1..511 with kChaosFail, else 0
  u32 first, last, step;
  u64 threshold;
  u64 amount;
  u64 calls[8];  // bit n of them: call n, after the gate's rewriting
};
static_assert(sizeof(ChaosRule) == 96);

constexpr u32 kChaosBytesMax = sizeof(ChaosHeader) + kChaosRulesMax * sizeof(ChaosRule);

}  // namespace barchan::abi

#endif
