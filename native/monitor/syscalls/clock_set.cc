// clock_settime(2), settimeofday(2): a clock is the whole machine's, so these end as without CAP_SYS_TIME, after the
// errors that Linux notices before it asks for the capability.
#include <linux/time.h>
#include <linux/time_types.h>

#include "host/uaccess.h"
#include "monitor/syscalls/handlers.h"

namespace barchan {
namespace {

constexpr i64 kNanoseconds = 1'000'000'000, kMicroseconds = 1'000'000;
// TIME_SETTOD_SEC_MAX (include/linux/time64.h): thirty years before the clock's end.
constexpr i64 kLatest = i64{~u64{0} >> 1} / kNanoseconds - i64{30} * 365 * 24 * 3600;

i64 judge_time(i64 seconds, i64 nanoseconds) {
  const bool valid = seconds >= 0 && seconds < kLatest && static_cast<u64>(nanoseconds) < u64{kNanoseconds};
  return valid ? -EPERM : -EINVAL;
}

}  // namespace

i64 sys_clock_settime(Thread&, const Call& c) {
  const i32 clock = static_cast<i32>(c.arg[0]);
  if (clock > CLOCK_REALTIME) return -EINVAL;  // none of them can be set
  __kernel_timespec time;
  if (read_guest(time, c.arg[1]) != 0) return -EFAULT;
  if (clock == CLOCK_REALTIME) return judge_time(time.tv_sec, time.tv_nsec);
  // A processor-time clock of some process or thread, or a device's.
  const i64 result = host::call(__NR_clock_getres, clock, nullptr);
  return result < 0 ? result : -EPERM;
}

i64 sys_settimeofday(Thread&, const Call& c) {
  struct {
    i64 seconds, microseconds;
  } time = {};
  i32 zone[2];
  if (c.arg[0]) {
    if (read_guest(time, c.arg[0]) != 0) return -EFAULT;
    if (time.microseconds < 0 || time.microseconds > kMicroseconds) return -EINVAL;
  }
  if (c.arg[1] && read_guest(zone, c.arg[1]) != 0) return -EFAULT;
  return c.arg[0] ? judge_time(time.seconds, time.microseconds * 1000) : -EPERM;
}

}  // namespace barchan
