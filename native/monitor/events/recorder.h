// Purpose: builds one record of abi/events.h in private memory, a call's arguments decoded as the tracer decodes them.
// Owner:   monitor/events. Threads: an object belongs to one thread.
// Trust:   arguments are GUEST values; guest memory is read through uaccess only, once for each piece.
#ifndef BARCHAN_MONITOR_EVENTS_RECORDER_H
#define BARCHAN_MONITOR_EVENTS_RECORDER_H

#include "abi/events.h"
#include "host/string.h"
#include "monitor/thread.h"

namespace barchan::events {

class Recorder {
 public:
  void begin(abi::EventKind kind);
  abi::EventRecord& head() { return *reinterpret_cast<abi::EventRecord*>(bytes_); }

  // The number and arguments of a call, and pieces for what is known of them before it is made.
  void call(const Call& call);
  // Pieces for what the call wrote to memory. Pre: call() before.
  void call_result(const Call& call, i64 result);

  // Bytes of the monitor's own memory.
  void string(u8 index, const char* text);
  // A vector of the monitor's own, ended by null.
  void strings(u8 index, const char* const* items);
  void text(u8 index, const char* text);

  // The record, with its size. Valid until the next begin().
  abi::EventRecord* finish();

 private:
  // A piece at the end, of `capacity` bytes at least; null when there is no room for it.
  abi::EventPiece* open(u8 index, abi::EventPieceType type, u32& room);
  void close(abi::EventPiece* piece, u32 length, bool truncated);

  void argument(const Call& call, unsigned i, bool done, i64 result);
  void guest_string(u8 index, u64 address);
  void guest_strings(u8 index, u64 address);
  bool guest_address(u8 index, u64 address, u64 size);
  bool message_address(const Call& call, unsigned i);

  u32 size_ = 0;
  alignas(8) u8 bytes_[abi::kEventSlotSize];
};

}  // namespace barchan::events

#endif
