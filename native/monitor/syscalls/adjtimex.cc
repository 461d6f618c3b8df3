// adjtimex(2), clock_adjtime(2).
#include <linux/timex.h>

#include "host/uaccess.h"
#include "monitor/syscalls/handlers.h"

namespace barchan {
namespace {

constexpr u32 kOffsetReadOnly = 0xa001;  // ADJ_OFFSET_SS_READ

// The guest may look, never steer: a clock is the whole machine's.
i64 read_only_adjustment(u64 address, i64 (*adjust)(u32 clock, __kernel_timex* timex), u32 clock) {
  __kernel_timex timex;
  if (read_guest(timex, address) != 0) return -EFAULT;
  const bool changes = timex.modes != 0 && timex.modes != kOffsetReadOnly;
  if (changes) timex.modes = 0;
  i64 result = adjust(clock, &timex);
  if (result < 0) return result;  // there is no such clock, or it cannot be adjusted
  if (changes) return -EPERM;
  return write_guest(address, timex) != 0 ? -EFAULT : result;
}

}  // namespace

i64 sys_adjtimex(Thread&, const Call& c) {
  auto adjust = [](u32, __kernel_timex* timex) { return host::call(__NR_adjtimex, timex); };
  return read_only_adjustment(c.arg[0], adjust, 0);
}

i64 sys_clock_adjtime(Thread&, const Call& c) {
  auto adjust = [](u32 clock, __kernel_timex* timex) { return host::call(__NR_clock_adjtime, clock, timex); };
  return read_only_adjustment(c.arg[1], adjust, static_cast<u32>(c.arg[0]));
}

}  // namespace barchan
