// Purpose: takes records out of the shared memory of abi/events.h: pure logic, no N-API, also built hosted for tests.
// Owner:   addon. Threads: one reader for a ring.
// Trust:   whatever lies in the shared memory may have been written by a monitor that was taken over: a record is copied
//          once into private memory and counts only when its size and checksum are right there.
#ifndef BARCHAN_ADDON_EVENT_READER_H
#define BARCHAN_ADDON_EVENT_READER_H

#include <cstddef>
#include <vector>

#include "abi/events.h"

namespace barchan::addon {

class EventReader {
 public:
  // `memory`: event_ring_size(slots) bytes, writable. Fills in the control page.
  EventReader(u8* memory, u32 slots, bool block);

  abi::EventControl& control() { return *reinterpret_cast<abi::EventControl*>(memory_); }
  // Puts both words in place that say what is watched: that of the monitors, and that of the guests.
  void watch(u32 kinds);

  // Appends whole records to `out`, at most `most`, in the order of their sequence numbers, and frees their slots. A claim that
  // has lasted from one call more than kClaimMs ago is taken away. `now`: milliseconds that only grow.
  size_t drain(std::vector<u8>& out, size_t most, u64 now);

  // Whether something waits to be read.
  bool has_records() const;
  // No program is left that could write: frees all that is claimed.
  void reset_claims();

  // What was in a slot and was no record.
  u64 malformed() const { return malformed_; }

  static constexpr u64 kClaimMs = 1000;

 private:
  u32* states() const { return reinterpret_cast<u32*>(memory_ + abi::kEventControlSize); }
  bool copy(u32 place, std::vector<u8>& out);
  void look_at_claim(u32 place, u32 word, u64 now);

  struct Claim {
    u32 word = 0;
    u64 since = 0;
  };

  u8* memory_;
  u32 slots_;
  u32 next_ = 0;  // where the last call ended
  u64 malformed_ = 0;
  std::vector<Claim> claims_;
};

}  // namespace barchan::addon

#endif
