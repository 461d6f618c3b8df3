#include "monitor/events/recorder.h"

#include <asm/unistd.h>

#include "host/uaccess.h"
#include "monitor/table.h"
#include "monitor/trace.h"

namespace barchan::events {

using abi::EventPiece;
using table::Kind;

namespace {

// What one piece may take, so that a long name leaves room for the others.
constexpr u32 kTextMost = 120, kStringMost = 400, kStringsMost = 480, kAddressMost = 110;
constexpr u32 kItemMost = 200;  // of a vector of strings

u8* bytes_of(EventPiece* piece) { return reinterpret_cast<u8*>(piece + 1); }

// Filled in by the call itself, so to be shown after it only.
bool is_output(Kind kind) {
  switch (kind) {
    case Kind::kOut:
    case Kind::kOutVlen:
    case Kind::kOutBuf:
    case Kind::kOutSigset: return true;
    default: return false;
  }
}

}  // namespace

void Recorder::begin(abi::EventKind kind) {
  head() = {};
  head().kind = kind;
  size_ = sizeof(abi::EventRecord);
}

EventPiece* Recorder::open(u8 index, abi::EventPieceType type, u32& room) {
  if (size_ + sizeof(EventPiece) + 16 > sizeof bytes_) return nullptr;
  auto* piece = reinterpret_cast<EventPiece*>(bytes_ + size_);
  *piece = {};
  piece->index = index;
  piece->type = type;
  room = min<u32>(room, sizeof bytes_ - size_ - static_cast<u32>(sizeof(EventPiece)));
  return piece;
}

void Recorder::close(EventPiece* piece, u32 length, bool truncated) {
  piece->length = static_cast<u16>(length);
  piece->truncated = truncated;
  const u32 end = size_ + static_cast<u32>(sizeof(EventPiece)) + length;
  size_ = (end + 3) & ~3u;
  memset(bytes_ + end, 0, size_ - end);
  head().pieces++;
}

void Recorder::text(u8 index, const char* text) {
  u32 room = kTextMost;
  EventPiece* piece = open(index, abi::kPieceText, room);
  if (!piece) return;
  Text out(reinterpret_cast<char*>(bytes_of(piece)), room);
  out.str(text);
  close(piece, static_cast<u32>(out.size()), out.full());
}

void Recorder::string(u8 index, const char* text) {
  u32 room = kStringMost;
  EventPiece* piece = open(index, abi::kPieceString, room);
  if (!piece) return;
  const size_t length = strlen(text);
  const u32 kept = min(static_cast<u32>(min<size_t>(length, room)), room);
  memcpy(bytes_of(piece), text, kept);
  close(piece, kept, kept < length);
}

void Recorder::strings(u8 index, const char* const* items) {
  u32 room = kStringsMost;
  EventPiece* piece = open(index, abi::kPieceStrings, room);
  if (!piece) return;
  u32 used = 0;
  bool truncated = false;
  for (; items && *items; items++) {
    const size_t length = strlen(*items);
    if (used + 1 >= room) {
      truncated = true;
      break;
    }
    const u32 kept = static_cast<u32>(min<size_t>(length, min(kItemMost, room - used - 1)));
    truncated |= kept < length;
    memcpy(bytes_of(piece) + used, *items, kept);
    used += kept;
    bytes_of(piece)[used++] = 0;
  }
  close(piece, used, truncated);
}

// What cannot be read is shown as its address.
void Recorder::guest_string(u8 index, u64 address) {
  u32 room = kStringMost;
  EventPiece* piece = open(index, abi::kPieceString, room);
  if (!piece) return;
  const i64 length = string_from_guest(reinterpret_cast<char*>(bytes_of(piece)), address, room);
  if (length == -EFAULT) return;
  close(piece, length < 0 ? room : static_cast<u32>(length), length < 0);
}

void Recorder::guest_strings(u8 index, u64 address) {
  u32 room = kStringsMost;
  EventPiece* piece = open(index, abi::kPieceStrings, room);
  if (!piece) return;
  u32 used = 0;
  bool truncated = false;
  for (u64 i = 0;; i++) {
    u64 item;
    if (read_guest(item, address + i * sizeof item) < 0 || item == 0) break;
    if (used + 1 >= room) {
      truncated = true;
      break;
    }
    const u32 most = min(kItemMost, room - used);
    const i64 length = string_from_guest(reinterpret_cast<char*>(bytes_of(piece) + used), item, most);
    if (length == -EFAULT) break;
    truncated |= length < 0;
    used += length < 0 ? most - 1 : static_cast<u32>(length);
    bytes_of(piece)[used++] = 0;
  }
  close(piece, used, truncated);
}

bool Recorder::guest_address(u8 index, u64 address, u64 size) {
  u32 room = kAddressMost;
  if (address == 0 || size < sizeof(u16)) return false;
  EventPiece* piece = open(index, abi::kPieceAddress, room);
  if (!piece) return false;
  const u32 kept = static_cast<u32>(min<u64>(size, room));
  if (copy_from_guest(bytes_of(piece), address, kept) < 0) return false;
  close(piece, kept, kept < size);
  return true;
}

// struct msghdr, and struct mmsghdr that begins with one: the address is a pointer in it (man 2 sendmsg).
bool Recorder::message_address(const Call& call, unsigned i) {
  const u32 nr = static_cast<u32>(call.nr);
  if (i != 1 || (nr != __NR_sendmsg && nr != __NR_sendmmsg)) return false;
  struct {
    u64 name;
    u32 name_length;
    u32 padding;
  } header;
  return read_guest(header, call.arg[1]) == 0 && guest_address(1, header.name, header.name_length);
}

void Recorder::argument(const Call& call, unsigned i, bool done, i64 result) {
  const table::Arg& arg = table::row(call.nr)->args[i];
  const u64 value = call.arg[i];
  const u8 index = static_cast<u8>(i);
  if (message_address(call, i)) return;
  u64 address_size;
  if (arg.kind == Kind::kPath || arg.kind == Kind::kStr) {
    if (value != 0) return guest_string(index, value);
  } else if (arg.kind == Kind::kStrv && !trace::shows_count_only(call, i)) {
    if (value != 0) return guest_strings(index, value);
  } else if (trace::is_socket_address(call, i, done && !host::is_error(result), address_size)) {
    if (guest_address(index, value, address_size)) return;
  }
  u32 room = kTextMost;
  EventPiece* piece = open(index, abi::kPieceText, room);
  if (!piece) return;
  Text out(reinterpret_cast<char*>(bytes_of(piece)), room);
  trace::put_argument(out, call, i, done, result);
  close(piece, static_cast<u32>(out.size()), out.full());
}

void Recorder::call(const Call& call) {
  head().number = static_cast<u32>(call.nr);
  memcpy(head().argument, call.arg, sizeof call.arg);
  const table::Row* row = table::row(call.nr);
  if (!row) return;
  const unsigned used = trace::used_arguments(call);
  for (unsigned i = 0; i < used; i++) {
    if (!is_output(row->args[i].kind)) argument(call, i, false, 0);
  }
}

void Recorder::call_result(const Call& call, i64 result) {
  head().result = result;
  const table::Row* row = table::row(call.nr);
  if (!row) return;
  if (trace::gives_address(call)) head().flags |= abi::kEventGivesAddress;
  const unsigned used = trace::used_arguments(call);
  for (unsigned i = 0; i < used; i++) {
    if (is_output(row->args[i].kind)) argument(call, i, true, result);
  }
}

abi::EventRecord* Recorder::finish() {
  const u32 size = (size_ + 7) & ~7u;
  memset(bytes_ + size_, 0, size - size_);
  size_ = size;
  head().size = size;
  return &head();
}

}  // namespace barchan::events
