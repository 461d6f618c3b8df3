// Purpose: what ppoll and pselect6 say of a bad timeout, which is noticed before anything about the signal mask.
// Owner:   monitor/syscalls. Threads: any. Trust: the address is GUEST.
#ifndef BARCHAN_MONITOR_SYSCALLS_TIMEOUT_H
#define BARCHAN_MONITOR_SYSCALLS_TIMEOUT_H

#include "host/uaccess.h"

namespace barchan {

// 0, -EFAULT or -EINVAL. `address` may be 0: no timeout.
inline i64 timeout_error(u64 address) {
  constexpr u64 kNanoseconds = 1000000000;
  struct {
    i64 seconds;
    u64 nanoseconds;
  } time;
  if (address == 0) return 0;
  if (read_guest(time, address) != 0) return -EFAULT;
  return time.seconds < 0 || time.nanoseconds >= kNanoseconds ? -EINVAL : 0;
}

}  // namespace barchan

#endif
