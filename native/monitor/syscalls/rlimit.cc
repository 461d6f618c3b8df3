// prlimit64(2), which getrlimit(2) and setrlimit(2) become. All limits are the host's, except RLIMIT_NOFILE:
// the monitor's descriptors lie above the guest's limit.
#include <linux/resource.h>

#include "host/uaccess.h"
#include "monitor/fds.h"
#include "monitor/guest_limits.h"
#include "monitor/syscalls/handlers.h"

namespace barchan {
namespace {

struct Limit {  // struct rlimit64
  u64 soft, hard;
};

constexpr u32 kLimits = RLIM_NLIMITS;

void decode(u32 resource, Limit& limit) {
  if (!guest_limits::is_counted(resource)) return;
  limit = {guest_limits::from_host(limit.soft), guest_limits::from_host(limit.hard)};
}

// Below a hard limit that was set from outside the guest's number is the host's, which then counts the monitor as well.
i64 set_counted(u32 resource, Limit limit) {
  __atomic_store_n(&guest_limits::in_use, true, __ATOMIC_RELAXED);
  Limit before;
  if (const i64 error = host::call(__NR_prlimit64, 0, resource, nullptr, &before); error < 0) return error;
  const bool from_outside =
      before.hard != guest_limits::kNone && guest_limits::from_host(before.hard) == before.hard;
  if (from_outside && limit.hard <= before.hard)
    return host::call(__NR_prlimit64, 0, resource, &limit, nullptr);
  const Limit counted = {guest_limits::to_host(limit.soft), guest_limits::to_host(limit.hard)};
  return host::call(__NR_prlimit64, 0, resource, &counted, nullptr);
}

i64 get_own(u32 resource, Limit& limit) {
  if (resource == RLIMIT_NOFILE) {
    limit = {fd_soft_limit(), fd_hard_limit()};
    return 0;
  }
  const i64 error = host::call(__NR_prlimit64, 0, resource, nullptr, &limit);
  return error < 0 ? error : (decode(resource, limit), 0);
}

i64 set_own(u32 resource, Limit limit) {
  if (limit.soft > limit.hard) return -EINVAL;
  if (resource == RLIMIT_NOFILE) return fd_set_limit(limit.soft, limit.hard);
  if (guest_limits::is_counted(resource)) return set_counted(resource, limit);
  return host::call(__NR_prlimit64, 0, resource, &limit, nullptr);
}

// Does `pid` name this process: 0, its id, or one of its threads'?
bool is_self(i32 pid) {
  if (pid == 0) return true;
  i64 own = host::call(__NR_getpid);
  return pid == own || (pid > 0 && host::call(__NR_tgkill, own, pid, 0) == 0);
}

}  // namespace

i64 sys_prlimit64(Thread&, const Call& c) {
  i32 pid = static_cast<i32>(c.arg[0]);
  u32 resource = static_cast<u32>(c.arg[1]);
  u64 wanted_at = c.arg[2], old_at = c.arg[3];
  Limit wanted = {}, old = {};
  if (wanted_at != 0 && read_guest(wanted, wanted_at) != 0) return -EFAULT;
  // That there is no such process is noticed before that there is no such limit.
  if (resource >= kLimits)
    return is_self(pid) ? -EINVAL : host::call(__NR_prlimit64, pid, resource, nullptr, nullptr);
  i64 error = 0;
  if (is_self(pid)) {
    if (old_at != 0) error = get_own(resource, old);
    if (error == 0 && wanted_at != 0) error = set_own(resource, wanted);
  } else {
    // Another process keeps its own count of descriptors: its monitor would not hear of the change.
    if (wanted_at != 0 && resource == RLIMIT_NOFILE) return -EPERM;
    error = host::call(__NR_prlimit64, pid, resource, wanted_at != 0 ? &wanted : nullptr, &old);
    if (error == 0) decode(resource, old);
  }
  if (error == 0 && old_at != 0) error = write_guest(old_at, old);
  return error;
}

}  // namespace barchan
