// Old calls whose arguments are translated to today's: times in other units, calls that lost an argument.
#include <linux/fcntl.h>

#include "host/uaccess.h"
#include "monitor/mm/mm.h"
#include "monitor/syscalls/handlers.h"
#include "monitor/syscalls/path_calls.h"

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

i64 sys_epoll_create(Thread& t, const Call& call) {
  if (static_cast<i32>(call.arg[0]) <= 0) return -EINVAL;
  return t.host(__NR_epoll_create1, 0);
}

i64 sys_pkey_mprotect(Thread&, const Call& call) {
  // -1 is "no key" (man 2 pkey_mprotect); there are no others.
  if (static_cast<i32>(call.arg[3]) != -1) return -EINVAL;
  return mm::protect(call.arg[0], call.arg[1], static_cast<int>(call.arg[2]));
}

}  // namespace barchan
