// Old calls whose arguments are translated to today's: times in other units, calls that lost an argument.
#include <linux/fcntl.h>
#include <linux/time.h>

#include "host/uaccess.h"
#include "monitor/check.h"
#include "monitor/mm/mm.h"
#include "monitor/syscalls/handlers.h"
#include "monitor/syscalls/path_calls.h"
#include "monitor/syscalls/proc_copies.h"

namespace barchan {
namespace {

struct Times {
  i64 seconds, nanoseconds;
};

// GUEST: path; null is the descriptor itself.
i64 set(Thread& t, i64 directory, u64 path, const Times* times) {
  if (!path) return t.host(__NR_utimensat, directory, 0, times, 0);
  return files::on_object(static_cast<int>(directory), path,
                          [&](int from, u64 name) { return t.host(__NR_utimensat, from, name, times, 0); });
}

// utimensat(2) with times given in microseconds (struct timeval[2]), or now for NULL. GUEST: path, times.
i64 set_times(Thread& t, i64 directory, u64 path, u64 times) {
  if (!times) return set(t, directory, path, nullptr);
  i64 given[2][2];
  if (read_guest(given, times) < 0) return -EFAULT;
  Times converted[2];
  for (int i = 0; i < 2; i++) {
    if (given[i][1] < 0 || given[i][1] >= 1000000) return -EINVAL;
    converted[i] = {given[i][0], given[i][1] * 1000};
  }
  return set(t, directory, path, converted);
}

}  // namespace

i64 sys_utime(Thread& t, const Call& call) {
  if (!call.arg[1]) return set(t, AT_FDCWD, call.arg[0], nullptr);
  i64 given[2];
  if (read_guest(given, call.arg[1]) < 0) return -EFAULT;
  const Times converted[2] = {{given[0], 0}, {given[1], 0}};
  return set(t, AT_FDCWD, call.arg[0], converted);
}

i64 sys_utimes(Thread& t, const Call& call) { return set_times(t, AT_FDCWD, call.arg[0], call.arg[1]); }

i64 sys_futimesat(Thread& t, const Call& call) {
  return set_times(t, static_cast<i64>(call.arg[0]), call.arg[1], call.arg[2]);
}

// The host's limit on numbers is above the guest's, which fd_created() sees to.
i64 sys_dup(Thread& t, const Call& call) {
  const i64 result = t.host(__NR_fcntl, call.arg[0], F_DUPFD, 0);
  files::note_duplicate(static_cast<int>(call.arg[0]), result);
  return result;
}

i64 sys_time(Thread&, const Call& call) {
  __kernel_timespec now = {};
  host::call(__NR_clock_gettime, CLOCK_REALTIME_COARSE, &now);
  if (call.arg[0] && write_guest(call.arg[0], static_cast<i64>(now.tv_sec)) < 0) return -EFAULT;
  return now.tv_sec;
}

// Seconds, the half ones rounded up and never to 0, as the kernel has it (kernel/time/itimer.c, alarm_setitimer).
i64 sys_alarm(Thread&, const Call& call) {
  const i64 wanted[4] = {0, 0, static_cast<u32>(call.arg[0]), 0};  // struct itimerval
  i64 left[4] = {};
  host::call(__NR_setitimer, 0 /* ITIMER_REAL */, wanted, left);
  const bool up = (left[2] == 0 && left[3] != 0) || left[3] >= 500000;
  return left[2] + (up ? 1 : 0);
}

i64 sys_epoll_create(Thread& t, const Call& call) {
  if (static_cast<i32>(call.arg[0]) <= 0) return -EINVAL;
  return t.host(__NR_epoll_create1, 0);
}

i64 sys_pkey_alloc(Thread&, const Call& call) {
  constexpr u64 kRights = 3;  // PKEY_DISABLE_ACCESS | PKEY_DISABLE_WRITE
  return call.arg[0] != 0 || call.arg[1] & ~kRights ? -EINVAL : -ENOSPC;
}

i64 sys_pkey_mprotect(Thread&, const Call& call) {
  // -1 is "no key" (man 2 pkey_mprotect); there are no others.
  if (static_cast<i32>(call.arg[3]) != -1) return -EINVAL;
  return mm::protect(call.arg[0], call.arg[1], static_cast<int>(call.arg[2]));
}

// The arguments are an index, a string or a buffer, by the option (man 2 sysfs).
i64 sys_sysfs(Thread& t, const Call& call) {
  constexpr u64 kNameMost = 64;  // more than any file system's name
  const int option = static_cast<int>(call.arg[0]);
  switch (option) {
    case 1: return t.host(__NR_sysfs, option, check::pointer(call.arg[1], 1, false));
    case 2:
      return t.host(__NR_sysfs, option, static_cast<u32>(call.arg[1]),
                    check::pointer(call.arg[2], kNameMost, false));
    default: return t.host(__NR_sysfs, option, 0, 0);
  }
}

// Ports are for CAP_SYS_RAWIO, which no guest has; giving up what one has not got is allowed.
i64 sys_iopl(Thread&, const Call& call) {
  const u32 level = static_cast<u32>(call.arg[0]);
  return level > 3 ? -EINVAL : level == 0 ? 0 : -EPERM;
}

i64 sys_ioperm(Thread&, const Call& call) {
  constexpr u64 kPorts = 65536;
  const u64 from = call.arg[0], count = call.arg[1];
  if (from + count <= from || from + count > kPorts) return -EINVAL;
  return static_cast<i32>(call.arg[2]) ? -EPERM : 0;
}

}  // namespace barchan
