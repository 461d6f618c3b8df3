#include "addon/event_reader.h"

#include <algorithm>
#include <cstring>

namespace barchan::addon {

EventReader::EventReader(u8* memory, u32 slots, bool block) : memory_(memory), slots_(slots), claims_(slots) {
  abi::EventControl& c = control();
  c.version = abi::kEventVersion;
  c.slots = slots;
  c.block = block ? 1 : 0;
  c.magic = abi::kEventMagic;
}

// Pre: the slot is ready, so that nobody but this reader frees it.
bool EventReader::copy(u32 place, std::vector<u8>& out) {
  const u8* slot = memory_ + abi::event_slots_offset(slots_) + u64{place} * abi::kEventSlotSize;
  alignas(8) u8 bytes[abi::kEventSlotSize];
  std::memcpy(bytes, slot, sizeof bytes);
  abi::EventRecord record;
  std::memcpy(&record, bytes, sizeof record);
  if (record.size < sizeof record || record.size > sizeof bytes || record.size % 8 != 0) return false;
  if (record.checksum != abi::event_checksum(bytes + abi::kEventChecked, record.size - abi::kEventChecked))
    return false;
  out.insert(out.end(), bytes, bytes + record.size);
  return true;
}

void EventReader::look_at_claim(u32 place, u32 word, u64 now) {
  Claim& claim = claims_[place];
  if (claim.word != word) {
    claim = {word, now};
  } else if (now - claim.since > kClaimMs) {
    u32 expected = word;
    if (__atomic_compare_exchange_n(&states()[place], &expected, 0, false, __ATOMIC_ACQ_REL,
                                    __ATOMIC_RELAXED))
      __atomic_fetch_add(&control().lost, 1, __ATOMIC_RELAXED);
    claim = {};
  }
}

void EventReader::watch(u32 kinds) {
  u32& word = control().watch;
  u32 before = __atomic_load_n(&word, __ATOMIC_RELAXED);
  while (!__atomic_compare_exchange_n(&word, &before,
                                      (before & abi::kWatchTrace) | (kinds & ~abi::kWatchTrace), false,
                                      __ATOMIC_SEQ_CST, __ATOMIC_RELAXED)) {}
  // Afterwards, so that a call that leaves the guest for it meets a monitor that knows why.
  auto& view = *reinterpret_cast<abi::EventView*>(memory_ + abi::event_view_offset(slots_));
  __atomic_store_n(&view.calls, (kinds & abi::kWatchCall) != 0, __ATOMIC_SEQ_CST);
}

size_t EventReader::drain(std::vector<u8>& out, size_t most, u64 now) {
  abi::EventControl& c = control();
  __atomic_fetch_add(&c.beat, 1, __ATOMIC_RELAXED);
  __atomic_store_n(&c.abandoned, 0, __ATOMIC_RELAXED);
  struct Found {
    u64 sequence;
    size_t at;
    u32 size;
  };
  std::vector<Found> found;
  std::vector<u8> bytes;
  size_t freed = 0;
  for (u32 i = 0; i < slots_ && found.size() < most; i++) {
    const u32 place = next_;
    next_ = (next_ + 1) % slots_;
    const u32 word = __atomic_load_n(&states()[place], __ATOMIC_ACQUIRE);
    if (word == 0) continue;
    if (!(word & abi::kEventReady)) {
      look_at_claim(place, word, now);
      continue;
    }
    const size_t at = bytes.size();
    if (copy(place, bytes)) {
      abi::EventRecord record;
      std::memcpy(&record, bytes.data() + at, sizeof record);
      found.push_back({record.sequence, at, record.size});
    } else {
      malformed_++;
    }
    __atomic_store_n(&states()[place], 0, __ATOMIC_RELEASE);
    freed++;
  }
  if (freed != 0) __atomic_fetch_add(&c.room, 1, __ATOMIC_SEQ_CST);
  std::stable_sort(found.begin(), found.end(),
                   [](const Found& a, const Found& b) { return a.sequence < b.sequence; });
  for (const Found& f : found)
    out.insert(out.end(), bytes.begin() + static_cast<ptrdiff_t>(f.at),
               bytes.begin() + static_cast<ptrdiff_t>(f.at + f.size));
  return found.size();
}

bool EventReader::has_records() const {
  for (u32 i = 0; i < slots_; i++) {
    if (__atomic_load_n(&states()[i], __ATOMIC_RELAXED) & abi::kEventReady) return true;
  }
  return false;
}

void EventReader::reset_claims() {
  for (u32 i = 0; i < slots_; i++) {
    const u32 word = __atomic_load_n(&states()[i], __ATOMIC_RELAXED);
    if (word != 0 && !(word & abi::kEventReady)) __atomic_store_n(&states()[i], 0, __ATOMIC_RELAXED);
  }
}

}  // namespace barchan::addon
