#include "monitor/events/ring.h"

#include "host/string.h"

namespace barchan::events {
namespace {

// Slots that are looked at before a ring counts as full. One that is held by a thread that sleeps or was killed in the
// middle of a record costs a look.
constexpr int kLooks = 16;

}  // namespace

Ring ring_at(abi::EventControl* control, u8* states, u32 slots) {
  Ring ring;
  ring.control = control;
  ring.states = reinterpret_cast<u32*>(states);
  ring.slots = states + (abi::event_slots_offset(slots) - abi::kEventControlSize);
  ring.mask = slots - 1;
  return ring;
}

bool ring_publish(const Ring& ring, abi::EventRecord* record) {
  for (int look = 0; look < kLooks; look++) {
    const u32 ticket = __atomic_fetch_add(&ring.control->cursor, 1, __ATOMIC_RELAXED);
    const u32 place = ticket & ring.mask;
    u32* word = &ring.states[place];
    if (__atomic_load_n(word, __ATOMIC_RELAXED) != 0) continue;
    u32 expected = 0;
    const u32 claim = abi::kEventClaimed | (ticket & abi::kEventTicket);
    if (!__atomic_compare_exchange_n(word, &expected, claim, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
      continue;
    record->sequence = __atomic_add_fetch(&ring.control->sequence, 1, __ATOMIC_RELAXED);
    auto* bytes = reinterpret_cast<u8*>(record);
    record->checksum = abi::event_checksum(bytes + abi::kEventChecked, record->size - abi::kEventChecked);
    memcpy(ring.slots + u64{place} * abi::kEventSlotSize, bytes, record->size);
    expected = claim;
    // Sequentially consistent: before the look at EventControl::sleeping.
    if (!__atomic_compare_exchange_n(word, &expected, abi::kEventReady | (ticket & abi::kEventTicket), false,
                                     __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
      __atomic_fetch_add(&ring.control->lost, 1, __ATOMIC_RELAXED);
    return true;
  }
  return false;
}

}  // namespace barchan::events
