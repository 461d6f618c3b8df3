// Waiting on an epoll. Private descriptors never get into one: epoll_ctl sees them closed (syscalls.def).
#include "host/uaccess.h"
#include "monitor/signal/signal.h"
#include "monitor/syscalls/handlers.h"

namespace barchan {
namespace {

constexpr u64 kMaskSize = sizeof(u64);

// Calls of the shape (epfd, events, maxevents, timeout, mask, mask size).
i64 wait(Thread& t, const Call& c, i64 nr) {
  if (c.arg[4] == 0) return t.host(nr, c.arg[0], c.arg[1], c.arg[2], c.arg[3], nullptr, kMaskSize);
  u64 mask;
  if (c.arg[5] != kMaskSize) return -EINVAL;
  if (read_guest(mask, c.arg[4]) != 0) return -EFAULT;
  return signals_with_mask(t, mask, [&](const u64* host_mask) {
    return t.host(nr, c.arg[0], c.arg[1], c.arg[2], c.arg[3], host_mask, kMaskSize);
  });
}

}  // namespace

i64 sys_epoll_pwait(Thread& t, const Call& c) { return wait(t, c, __NR_epoll_pwait); }

#ifndef __NR_epoll_pwait2
#define __NR_epoll_pwait2 441
#endif
i64 sys_epoll_pwait2(Thread& t, const Call& c) {
  u64 timeout[2];
  // Noticed before anything about the mask.
  if (c.arg[3] != 0 && read_guest(timeout, c.arg[3]) != 0) return -EFAULT;
  return wait(t, c, __NR_epoll_pwait2);
}

}  // namespace barchan
