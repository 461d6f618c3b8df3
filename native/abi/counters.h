// Purpose: what the monitors of one program count, in memory that they share with Node.
// Owner:   abi; written by native/monitor/counters.cc, read by lib/counters.ts.
// Trust:   guests have neither the descriptor, which is private, nor the mapping, which lies above their memory. A monitor
//          that was taken over can write anything: the numbers are for people, nothing is decided by them.
//
// Each thread of a guest adds to a slot of its own, without atomics; the sums over all slots are the program's numbers. A
// slot that was given back keeps its numbers for the next owner. That of a thread that was killed is never given back;
// when none is free, threads share slot 0 and may lose some counts to each other.
#ifndef BARCHAN_ABI_COUNTERS_H
#define BARCHAN_ABI_COUNTERS_H

#include "host/types.h"

namespace barchan::abi {

constexpr u32 kCounterSlots = 1024;  // 64 KiB: low limits on the size of files are for this as well

struct alignas(64) CounterSlot {
  u64 exits;     // KVM_RUN came back
  u64 syscalls;  // calls of the guest that reached the gate's dispatcher: not those answered inside the VM
  u64 faults;    // exceptions and pages that were missing
  u64 reserved[4];
  u32 used;  // 1: some thread's
  u32 padding;
};
static_assert(sizeof(CounterSlot) == 64);

}  // namespace barchan::abi

#endif
