// Purpose: RLIMIT_AS and RLIMIT_DATA as the guest sets them. The host would count the monitor's own memory, so it is given
//          a number that nothing reaches and that holds the guest's; mm/limits.cc keeps to that one.
// Owner:   monitor. Threads: any. Trust: limits are GUEST values; only the guest itself suffers from them.
//
// The host keeps the numbers, so that fork, exec, prlimit(2) of other processes and the right to raise a limit are its
// own. A plain finite number was set from outside (ulimit -v) and binds the monitor and the guest together.
#ifndef BARCHAN_MONITOR_GUEST_LIMITS_H
#define BARCHAN_MONITOR_GUEST_LIMITS_H

#include <linux/resource.h>

#include "host/types.h"

namespace barchan::guest_limits {

constexpr u64 kNone = ~u64{0};
constexpr u64 kTag = u64{0x4b52} << 48, kTagMask = u64{0xffff} << 48;

inline bool is_counted(u32 resource) { return resource == RLIMIT_AS || resource == RLIMIT_DATA; }

// Greater limits stay greater, so that the host judges a raise as it would the guest's own numbers. A limit of 2^48
// bytes or more limits nothing.
inline u64 to_host(u64 limit) {
  if (limit == kNone) return kNone;
  return kTag | min(limit, ~kTagMask);
}
inline u64 from_host(u64 limit) {
  return limit != kNone && (limit & kTagMask) == kTag ? limit & ~kTagMask : limit;
}

// Some limit is or was in force in this process or in one whose memory it has: mappings have to ask. Set by start-up and
// setrlimit, never cleared.
extern bool in_use;

}  // namespace barchan::guest_limits

#endif
