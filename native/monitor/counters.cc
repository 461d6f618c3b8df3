#include "monitor/counters.h"

#include <linux/mman.h>

#include "host/syscall.h"
#include "monitor/fds.h"
#include "monitor/thread.h"

namespace barchan::counters {
namespace {

constexpr u32 kShared = 0;

abi::CounterSlot nowhere;
abi::CounterSlot* slots;  // or null

bool take(abi::CounterSlot& slot) {
  u32 free = 0;
  return __atomic_compare_exchange_n(&slot.used, &free, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

}  // namespace

void start() {
  const i64 memory = host::call(__NR_mmap, 0, abi::kCounterSlots * sizeof(abi::CounterSlot),
                                PROT_READ | PROT_WRITE, MAP_SHARED, private_fd(kFdCounters), 0);
  // EBADF: nobody asked. Should there be no memory, a program runs all the same.
  if (!host::is_error(memory)) slots = reinterpret_cast<abi::CounterSlot*>(memory);
}

void claim(Thread& t) {
  t.counters = &nowhere;
  if (!slots) return;
  t.counters = &slots[kShared];
  for (u32 i = kShared + 1; i < abi::kCounterSlots; i++) {
    if (__atomic_load_n(&slots[i].used, __ATOMIC_RELAXED) != 0 || !take(slots[i])) continue;
    t.counters = &slots[i];
    return;
  }
}

void release(Thread& t) {
  abi::CounterSlot* slot = t.counters;
  t.counters = &nowhere;
  if (slots && slot > &slots[kShared] && slot < slots + abi::kCounterSlots)
    __atomic_store_n(&slot->used, 0, __ATOMIC_RELEASE);
}

u32 slot_of(const Thread& t) {
  return slots && t.counters >= slots && t.counters < slots + abi::kCounterSlots
             ? static_cast<u32>(t.counters - slots)
             : kShared;
}

void adopt(Thread& t, u32 slot) { t.counters = slots && slot < abi::kCounterSlots ? &slots[slot] : &nowhere; }

}  // namespace barchan::counters
