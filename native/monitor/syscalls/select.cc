// select and pselect6. The sets are passed in place and the number of bits is cut at the first private descriptor:
// bits from there on are not looked at, as bits past the end of the descriptor table are not on Linux.
#include "host/uaccess.h"
#include "monitor/check.h"
#include "monitor/fds.h"
#include "monitor/signal/signal.h"
#include "monitor/syscalls/handlers.h"
#include "monitor/syscalls/timeout.h"

namespace barchan {
namespace {

constexpr u64 kMaskSize = sizeof(u64);
constexpr int kSets = 3;

struct MaskArgument {  // what the sixth argument of pselect6 points to
  u64 mask;            // GUEST: an address or 0
  u64 size;
};

// Cuts the number of descriptors and makes the sets harmless; what is wrong is the host's to say, in its order.
void check_sets(Call& c) {
  i32 count = static_cast<i32>(c.arg[0]);
  if (count < 0) return;  // EINVAL before anything is read
  count = min(count, static_cast<i32>(fd_base()));
  c.arg[0] = static_cast<u64>(count);
  u64 bytes = (static_cast<u64>(count) + 63) / 64 * sizeof(u64);
  for (int i = 1; i <= kSets; i++) c.arg[i] = check::pointer(c.arg[i], bytes, true);
}

i64 host_select(Thread& t, const Call& c, const MaskArgument* mask) {
  return t.host(__NR_pselect6, c.arg[0], c.arg[1], c.arg[2], c.arg[3], c.arg[4], mask);
}

}  // namespace

i64 sys_select(Thread& t, const Call& call) {
  struct Time {
    u64 seconds;
    i64 fraction;  // micro- or nanoseconds
  };
  constexpr i64 kMicro = 1000000;
  Call c = call;
  check_sets(c);
  if (c.arg[4] == 0) return host_select(t, c, nullptr);
  Time given;
  if (read_guest(given, c.arg[4]) != 0) return -EFAULT;
  Time timeout = {given.seconds + static_cast<u64>(given.fraction / kMicro), given.fraction % kMicro * 1000};
  bool wait = timeout.seconds != 0 || timeout.fraction != 0;
  u64 where = c.arg[4];
  c.arg[4] = reinterpret_cast<u64>(&timeout);
  i64 result = host_select(t, c, nullptr);
  if (wait && result != -EINVAL) {
    // What is left, also when the call is to be made again. A timeout in read-only memory is no error.
    Time left = {timeout.seconds, timeout.fraction / 1000};
    write_guest(where, left);
  }
  return result;
}

i64 sys_pselect6(Thread& t, const Call& call) {
  Call c = call;
  MaskArgument argument = {0, 0};
  if (c.arg[5] != 0 && read_guest(argument, c.arg[5]) != 0) return -EFAULT;
  check_sets(c);
  if (argument.mask == 0) return host_select(t, c, nullptr);
  if (i64 error = timeout_error(c.arg[4]); error < 0) return error;
  u64 mask;
  if (argument.size != kMaskSize) return -EINVAL;
  if (read_guest(mask, argument.mask) != 0) return -EFAULT;
  return signals_with_mask(t, mask, [&](const u64* host_mask) {
    MaskArgument host_argument = {reinterpret_cast<u64>(host_mask), kMaskSize};
    return host_select(t, c, &host_argument);
  });
}

}  // namespace barchan
