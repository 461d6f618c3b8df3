// Descriptors: making, duplicating and closing them. A private descriptor comes here as a number that is never open
// (check.h); ranges are cut at the base.
#include <linux/close_range.h>
#include <linux/fcntl.h>

#include "host/uaccess.h"
#include "monitor/fds.h"
#include "monitor/syscalls/handlers.h"
#include "monitor/syscalls/proc_copies.h"
#include "monitor/thread_pool.h"

namespace barchan {

// Close may wait (a lingering socket, a draining terminal) and a signal may end that wait.
i64 sys_close(Thread& t, const Call& c) {
  if (!t.vforked && !t.own_table) files::forget_copy(static_cast<int>(c.arg[0]));
  return t.host(__NR_close, c.arg[0]);
}

i64 sys_close_range(Thread& t, const Call& c) {
  u32 first = static_cast<u32>(c.arg[0]);
  u32 last = static_cast<u32>(c.arg[1]);
  u32 flags = static_cast<u32>(c.arg[2]);
  if (flags & ~u32{CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC}) return -EINVAL;
  if (first > last) return -EINVAL;
  u32 end = fd_base();
  if (first >= end) {
    if (!(flags & CLOSE_RANGE_UNSHARE)) return 0;
    // The table is still to become the caller's own. No descriptor has this number.
    first = last = ~u32{0} >> 1;
    end = last + 1;
  }
  // Asked before fd_lock is taken, which comes after the pool's lock.
  const bool parts = flags & CLOSE_RANGE_UNSHARE && !thread_is_alone(t);
  if (!fd_lock_shared(t)) return host::kRestart;
  const i64 result = host::call(__NR_close_range, first, min(last, end - 1), flags);
  if (result == 0 && parts) thread_copy_table(t, t);
  fd_unlock_shared(t);
  return result;
}

namespace {

// GUEST: both numbers. dup2 and dup3 give EBADF for a target at or past the limit.
bool may_become(int number) {
  return number >= 0 && static_cast<u64>(number) < fd_soft_limit() && !is_private(number);
}

}  // namespace

i64 sys_dup2(Thread& t, const Call& c) {
  int from = static_cast<int>(c.arg[0]);
  int to = static_cast<int>(c.arg[1]);
  if (is_private(from)) return -EBADF;
  if (from == to) {
    i64 flags = host::call(__NR_fcntl, from, F_GETFD, 0);
    return flags < 0 ? flags : to;
  }
  if (!may_become(to)) return -EBADF;
  files::note_duplicate(from, to);
  return t.host(__NR_dup3, from, to, 0);
}

i64 sys_dup3(Thread& t, const Call& c) {
  int from = static_cast<int>(c.arg[0]);
  int to = static_cast<int>(c.arg[1]);
  u32 flags = static_cast<u32>(c.arg[2]);
  if (flags & ~u32{O_CLOEXEC}) return -EINVAL;
  if (from == to) return -EINVAL;
  if (!may_become(to)) return -EBADF;
  files::note_duplicate(from, to);
  return t.host(__NR_dup3, from, to, flags);
}

i64 sys_pipe2(Thread&, const Call& c) {
  u32 flags = static_cast<u32>(c.arg[1]);
  // Notification pipes (O_EXCL here) as on a kernel without CONFIG_WATCH_QUEUE.
  if (flags & ~u32{O_CLOEXEC | O_NONBLOCK | O_DIRECT | O_EXCL}) return -EINVAL;
  if (flags & O_EXCL) return -ENOPKG;
  i32 pair[2];
  i64 error = host::call(__NR_pipe2, pair, flags);
  if (error < 0) return error;
  i64 reader = fd_created(pair[0]);
  i64 writer = fd_created(pair[1]);
  error = reader < 0 || writer < 0 ? -EMFILE : copy_to_guest(c.arg[0], pair, sizeof pair);
  if (error == 0) return 0;
  if (reader >= 0) host::call(__NR_close, pair[0]);
  if (writer >= 0) host::call(__NR_close, pair[1]);
  return error;
}

}  // namespace barchan
