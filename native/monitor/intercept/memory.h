// Purpose: the private memory of a call that Node is asked about: the messages, and the copies that the call is made with.
// Owner:   monitor/intercept. Threads: one call's own. Trust: copies of GUEST memory and Node's answer; no guest thread
//          reaches it. Reserved, and touched as far as needed.
#ifndef BARCHAN_MONITOR_INTERCEPT_MEMORY_H
#define BARCHAN_MONITOR_INTERCEPT_MEMORY_H

#include <linux/uio.h>

#include "monitor/intercept/intercept.h"
#include "monitor/syscalls/message.h"

namespace barchan::intercept {

// An exec that is asked about takes fewer arguments than Linux allows: all of them are copied.
constexpr u64 kExecPointers = 32 << 10, kExecBytes = 1 << 20;

struct Memory {
  union {
    abi::InterceptRequest request;
    u8 request_bytes[abi::kInterceptMessageMost];
  };
  union {
    abi::InterceptAnswer answer;
    u8 answer_bytes[abi::kInterceptMessageMost + 1];
  };
  iovec vector;
  MessageHeader header;
  u8 address[kAddressCapacity];
  // For execs only.
  u64 pointers[kExecPointers];
  char strings[kExecBytes];
};
// Of other calls, the data that they move out of memory lies there.
constexpr u64 kPlainSize = offsetof(Memory, pointers);
constexpr u64 kBulkMost = 16 << 20;

}  // namespace barchan::intercept

#endif
