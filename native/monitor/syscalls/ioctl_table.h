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
  kRefused,  // always fails with errno `detail`
};

struct Request {
  u32 number;
  Argument argument;
  u16 detail;
};

// Null for a request that is not in the table.
const Request* find(u32 number);

// All of them, by index; null past the last.
const Request* at(u32 index);

}  // namespace barchan::ioctls

#endif
