// Purpose: syscalls.def as data: what the dispatcher, the checks and the tracer ask about a call.
// Owner:   monitor. Threads: any; all of it is constant and free of pointers, so that a static PIE needs no
//          relocations for it and forks share its pages.
// Trust:   nothing here is guest-controlled; row() takes GUEST numbers.
#ifndef BARCHAN_MONITOR_TABLE_H
#define BARCHAN_MONITOR_TABLE_H

#include "host/types.h"

namespace barchan::table {

enum class Class : u8 { kNone, kPass, kRewrite, kHandler, kDeny };

// Row flags, by the names that syscalls.def gives them.
constexpr u8 kNewFd = 1, kFdLock = 2;

// Argument kinds; syscalls.def explains each. Order matters: see needs_check() and is_pointer().
// clang-format off
enum class Kind : u8 {
  kInt, kUint, kLong, kUlong, kHex, kAddr, kPid, kId, kMode, kSignal, kFlags, kEnum,
  kFd, kDirFd, kFdOrNone,                                     // descriptors
  kPath, kStr, kStrv,                                         // pointers without a length
  kIn, kOut, kInOut, kOutVlen,                                // pointers to `size` bytes at least
  kInBuf, kOutBuf, kInOutBuf, kInMsg, kOutMsg, kInArray, kOutArray, kInOutArray, kInIovec, kOutIovec, kSigset, kOutSigset,
  kRange, kOutPages,                                          // pointers with a length in another argument
};
// clang-format on
constexpr bool needs_check(Kind kind) { return kind >= Kind::kFd; }
constexpr bool is_descriptor(Kind kind) { return kind >= Kind::kFd && kind <= Kind::kFdOrNone; }
constexpr bool is_pointer(Kind kind) { return kind >= Kind::kPath; }
constexpr bool has_length(Kind kind) { return kind >= Kind::kInBuf; }

struct Arg {
  Kind kind = Kind::kInt;
  u8 link : 6 = 0;      // index of the argument with the length, count or length pointer
  u8 cut : 1 = 0;       // the kernel cuts an over-long length instead of refusing it
  u8 optional : 1 = 0;  // NULL has a meaning
  u16 size = 0;  // of the structure or of an element; for kFlags and kEnum the name set (trace_names.h)
};

struct alignas(32) Row {
  Class cls = Class::kNone;
  u8 flags = 0;
  u8 count = 0;   // of arguments
  u8 checks = 0;  // bit n: argument n needs a check
  i16 error = 0;  // kDeny: the negated errno
  Arg args[6];
};
static_assert(sizeof(Arg) == 4 && sizeof(Row) == 32);

constexpr u32 kRows = 470;
struct Rows {
  Row of[kRows];
};
extern const Rows kTable;

// The row of a call number as Linux reads it: the low 32 bits of RAX (arch/x86/entry: `movslq %eax`), so
// x32's bit 30 and negative numbers are past the end. Null for a number without a call.
inline const Row* row(u64 nr) {
  const u32 n = static_cast<u32>(nr);
  if (n >= kRows || kTable.of[n].cls == Class::kNone) return nullptr;
  return &kTable.of[n];
}

// Names for people. "" for an unknown number or an argument that the row has not.
const char* call_name(u64 nr);
const char* argument_name(u64 nr, unsigned index);

}  // namespace barchan::table

#endif
