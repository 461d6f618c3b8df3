#include "monitor/check.h"

#include "host/uaccess.h"

namespace barchan::check {
namespace {

using table::Arg;
using table::Kind;

constexpr u64 kNullSpan = BARCHAN_ARENA_START;
constexpr u64 kHoleSpan = BARCHAN_ARENA_END - BARCHAN_ARENA_TOP - kPageSize;
static_assert(kHoleSpan >= (1u << 20), "pointer() promises room for 1 MiB in the hole");

constexpr u64 kMessageMaximum = 0x7fffffff;
constexpr u64 kRefusedLength = ~u64{0};  // EINVAL by msgsnd and msgrcv

// `size` bytes at `address` as access_ok() judges them.
constexpr bool in_user_space(u64 address, u64 size) {
  return address <= kUserEnd && size <= kUserEnd - address;
}

constexpr u64 in_hole(u64 address) { return kHole + (address & (kPageSize - 1)); }
constexpr u64 bad(u64 address) { return kBadPointer + (address & (kPageSize - 1)); }

// extra + size * count, or the largest number when that overflows.
constexpr u64 total(u64 size, u64 extra, u64 count) {
  u64 bytes;
  if (__builtin_mul_overflow(size, count, &bytes) || __builtin_add_overflow(bytes, extra, &bytes))
    return ~u64{0};
  return bytes;
}

// The argument that counts, in the width in which the kernel reads it. A negative int counts nothing: every
// call refuses it or takes it for "none".
u64 read_count(Kind kind, u64 value) {
  switch (kind) {
    case Kind::kInt: return static_cast<i32>(value) < 0 ? 0 : static_cast<u32>(value);
    case Kind::kUint: return static_cast<u32>(value);
    default: return value;
  }
}

void check_buffer(const table::Row& row, unsigned index, u64 arg[6]) {
  const Arg& a = row.args[index];
  const u64 given = read_count(row.args[a.link].kind, arg[a.link]);
  u64 count = a.cut ? min(given, kMostTransferred) : given;
  switch (a.kind) {
    case Kind::kRange: arg[index] = range(arg[index], count); break;
    case Kind::kInMsg:
    case Kind::kOutMsg: {
      // No message is larger than an int says (kernel.msgmax). A length that no message has is refused after the
      // type was read or, in a receiver's buffer, as good as the largest.
      const bool refused = given > kMessageMaximum && (a.kind == Kind::kInMsg || static_cast<i64>(given) < 0);
      count = min(given, kMessageMaximum);
      arg[index] = buffer(arg[index], 1, sizeof(i64), a.optional, count);
      if (count != given) arg[a.link] = refused ? kRefusedLength : count;
      return;
    }
    case Kind::kOutPages: {
      // The length belongs to the range, which was checked before and is at most the arena.
      u64 pages = given / kPageSize + (given % kPageSize != 0);
      const u64 wanted = pages;
      arg[index] = buffer(arg[index], 1, 0, a.optional, pages);
      if (pages != wanted) arg[index] = in_hole(arg[index]);
      return;
    }
    default: arg[index] = buffer(arg[index], a.size, 0, a.optional, count);
  }
  if (count != given) arg[a.link] = count;
}

}  // namespace

u64 pointer(u64 address, u64 size, bool optional) {
  if (in_arena(address, size)) return address;
  if (address == 0 && optional) return 0;
  return in_user_space(address, size) ? in_hole(address) : bad(address);
}

u64 buffer(u64 address, u64 size, u64 extra, bool optional, u64& count) {
  const u64 bytes = total(size, extra, count);
  if (in_arena(address, bytes)) return address;
  if (address == 0 && optional) {
    count = min(count, (kNullSpan - extra) / size);
    return 0;
  }
  if (!in_user_space(address, bytes)) return bad(address);
  if (address >= BARCHAN_ARENA_START && address < BARCHAN_ARENA_TOP) {
    count = (BARCHAN_ARENA_END - address - extra) / size;
    return address;
  }
  count = min(count, (kHoleSpan - extra) / size);
  return in_hole(address);
}

u64 range(u64 address, u64& size) {
  // The pages that the kernel makes of it; the sum may wrap, there as here.
  const u64 offset = address & (kPageSize - 1), start = address - offset;
  const u64 rounded = page_up(offset + size);
  // Nothing; or so much that it wraps to nothing, which mincore refuses and the others take for nothing.
  if (rounded == 0) return size == 0 ? pointer(address, 0, false) : bad(address);
  if (start > ~u64{0} - rounded) {
    size = kPageSize - offset;
    return page_down(~u64{0}) + offset;
  }
  size = min(size, rounded - offset);
  if (in_arena(start, rounded)) return address;
  if (!in_user_space(start, rounded)) {
    size = min(size, kUserEnd - kPageSize);
    return bad(address);
  }
  if (address >= BARCHAN_ARENA_START && address < BARCHAN_ARENA_TOP) {
    size = BARCHAN_ARENA_END - address;
    return address;
  }
  size = min(size, kHoleSpan);
  return in_hole(address);
}

void arguments(const table::Row& row, u64 arg[6], u32 fd_base) {
  for (u32 left = row.checks; left != 0; left &= left - 1) {
    const unsigned i = __builtin_ctz(left);
    const Arg& a = row.args[i];
    if (table::is_descriptor(a.kind)) {
      i32 fd = static_cast<i32>(arg[i]);
      if (fd >= 0 && static_cast<u32>(fd) >= fd_base) fd = kClosedFd;
      arg[i] = static_cast<u64>(static_cast<i64>(fd));
    } else if (table::has_length(a.kind)) {
      check_buffer(row, i, arg);
    } else {
      arg[i] = pointer(arg[i], a.size, a.optional);
    }
  }
}

}  // namespace barchan::check
