// Purpose: which ioctl requests a guest may make, and what their argument is.
// Owner:   monitor/syscalls. Threads: read-only.
#ifndef BARCHAN_MONITOR_SYSCALLS_IOCTL_TABLE_H
#define BARCHAN_MONITOR_SYSCALLS_IOCTL_TABLE_H

#include "host/types.h"

namespace barchan::ioctls {

enum class Argument : u8 {
  kValue,    // none, or a number
  kPointer,  // to a structure of `detail` bytes that holds no pointers and no descriptors
  kFd,       // a descriptor by value
  kNewFd,    // a number; the result is a new descriptor
  kInterfaceList,
  kCloneRange,
  kDedupeRange,
  kDiscipline,
  kRefused,  // fails with errno `detail` on an `object`, and is unknown to others
};

// What knows a refused request on Linux.
enum class Object : u8 {
  kAny,
  kRegular,   // a regular file
  kDiskFile,  // a regular file or a directory of a file system on a device
  kTerminal,
  kSocket,
  kRandom,  // /dev/random, /dev/urandom
};

// A request that nothing knows: what an object answers to it, it answers to all that it does not know.
constexpr u32 kNoRequest = 0x7e7e7e7e;
// The same of those for interfaces, whose structure sockets read first.
constexpr u32 kNoSocketRequest = 0x89d7;
constexpr u16 kInterface = 40;  // struct ifreq

struct Request {
  u32 number;
  Argument argument;
  u16 detail;
  Object object;
};

// Null for a request that is not in the table.
const Request* find(u32 number);

// All of them, by index; null past the last.
const Request* at(u32 index);

}  // namespace barchan::ioctls

#endif
