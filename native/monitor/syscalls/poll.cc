// poll and ppoll. The array is passed in place: between the look for private descriptors and the call another thread
// may put one in, and would learn nothing but whether it is ready. Only an array that holds one is copied.
#include <asm/poll.h>

#include "host/uaccess.h"
#include "monitor/fds.h"
#include "monitor/scratch.h"
#include "monitor/signal/signal.h"
#include "monitor/syscalls/handlers.h"
#include "monitor/syscalls/timeout.h"

namespace barchan {
namespace {

constexpr u64 kMaskSize = sizeof(u64);
constexpr int kNeverOpen = 0x7fffffff;
constexpr u32 kChunk = 64;

struct Timeout {
  i64 seconds, nanoseconds;
};

struct Poll {
  u64 entries;  // GUEST
  u32 count;
  u64 timeout;      // an address for the host, or 0
  const u64* mask;  // the host's, or null
};

i64 host_poll(Thread& t, const Poll& poll, u64 entries) {
  return t.host(__NR_ppoll, entries, poll.count, poll.timeout, poll.mask, kMaskSize);
}

// 1 when some entry names a private descriptor, 0, or -EFAULT.
i64 has_private(u64 entries, u32 count) {
  pollfd chunk[kChunk];
  for (u32 at = 0; at < count; at += kChunk) {
    u32 n = min(kChunk, count - at);
    if (copy_from_guest(chunk, entries + u64{at} * sizeof(pollfd), n * sizeof(pollfd)) != 0) return -EFAULT;
    for (u32 i = 0; i < n; i++) {
      if (is_private(chunk[i].fd)) return 1;
    }
  }
  return 0;
}

i64 poll_copy(Thread& t, const Poll& poll) {
  Scratch<64 * sizeof(pollfd)> scratch;
  size_t size = u64{poll.count} * sizeof(pollfd);
  auto* copy = static_cast<pollfd*>(scratch.get(size));
  if (copy == nullptr) return -ENOMEM;
  if (copy_from_guest(copy, poll.entries, size) != 0) return -EFAULT;
  for (u32 i = 0; i < poll.count; i++) {
    if (is_private(copy[i].fd)) copy[i].fd = kNeverOpen;
  }
  i64 result = host_poll(t, poll, reinterpret_cast<u64>(copy));
  if (result < 0) return result;
  for (u32 i = 0; i < poll.count; i++) {
    u64 at = poll.entries + i * sizeof(pollfd) + offsetof(pollfd, revents);
    if (write_guest(at, copy[i].revents) != 0) return -EFAULT;
  }
  return result;
}

i64 poll_checked(Thread& t, const Poll& poll) {
  if (poll.count > fd_soft_limit()) return -EINVAL;
  i64 found = has_private(poll.entries, poll.count);
  if (found < 0) return found;
  return found ? poll_copy(t, poll) : host_poll(t, poll, poll.entries);
}

}  // namespace

i64 sys_poll(Thread& t, const Call& c) {
  i32 milliseconds = static_cast<i32>(c.arg[2]);
  Poll poll = {c.arg[0], static_cast<u32>(c.arg[1]), 0, nullptr};
  Timeout timeout;
  if (milliseconds >= 0) {
    timeout = {milliseconds / 1000, (milliseconds % 1000) * 1000000L};
    poll.timeout = reinterpret_cast<u64>(&timeout);
  }
  return poll_checked(t, poll);
}

i64 sys_ppoll(Thread& t, const Call& c) {
  Poll poll = {c.arg[0], static_cast<u32>(c.arg[1]), c.arg[2], nullptr};
  if (c.arg[3] == 0) return poll_checked(t, poll);
  if (i64 error = timeout_error(c.arg[2]); error < 0) return error;
  u64 mask;
  if (c.arg[4] != kMaskSize) return -EINVAL;
  if (read_guest(mask, c.arg[3]) != 0) return -EFAULT;
  return signals_with_mask(t, mask, [&](const u64* host_mask) {
    poll.mask = host_mask;
    return poll_checked(t, poll);
  });
}

}  // namespace barchan
