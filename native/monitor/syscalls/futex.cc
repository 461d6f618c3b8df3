// futex(2), futex_waitv(2), futex_requeue(2). Keys are made from the address space and the address (or the page behind it),
// and both are the host's: waiting and waking is the host kernel's work, between processes too.
#include <linux/futex.h>
#include <linux/time_types.h>

#include "host/call_numbers.h"
#include "host/uaccess.h"
#include "monitor/check.h"
#include "monitor/syscalls/handlers.h"

namespace barchan {
namespace {

constexpr u32 kLockPi2 = 13;
constexpr u64 kWaitersMaximum = 128;  // FUTEX_WAITV_MAX

struct FutexWaiter {  // struct futex_waitv
  u64 value;
  u64 address;  // GUEST
  u32 flags;
  u32 reserved;
};
static_assert(sizeof(FutexWaiter) == 24);

bool timeout_ok(u64 timeout) { return timeout == 0 || in_arena(timeout, sizeof(__kernel_timespec)); }

}  // namespace

i64 sys_futex(Thread& t, const Call& c) {
  u64 word = c.arg[0], timeout = c.arg[3], other = c.arg[4];
  u32 operation = static_cast<u32>(c.arg[1]) & static_cast<u32>(FUTEX_CMD_MASK);
  bool has_timeout = false, has_other = false;
  switch (operation) {
    case FUTEX_WAIT:
    case FUTEX_WAIT_BITSET:
    case FUTEX_LOCK_PI:
    case kLockPi2: has_timeout = true; break;
    case FUTEX_WAIT_REQUEUE_PI: has_timeout = has_other = true; break;
    case FUTEX_REQUEUE:
    case FUTEX_CMP_REQUEUE:
    case FUTEX_WAKE_OP:
    case FUTEX_CMP_REQUEUE_PI:
      has_other = true;  // argument 3 is a count
      break;
    case FUTEX_WAKE:
    case FUTEX_WAKE_BITSET:
    case FUTEX_UNLOCK_PI:
    case FUTEX_TRYLOCK_PI: break;
    default: return -ENOSYS;
  }
  if (has_timeout && !timeout_ok(timeout)) return -EFAULT;
  if (word % sizeof(u32) != 0 || (has_other && other % sizeof(u32) != 0)) return -EINVAL;
  if (!in_arena(word, sizeof(u32)) || (has_other && !in_arena(other, sizeof(u32)))) return -EFAULT;
  bool takes_fourth = has_timeout || has_other;
  return t.host(__NR_futex, word, static_cast<u32>(c.arg[1]), static_cast<u32>(c.arg[2]),
                takes_fourth ? timeout : 0, has_other ? other : 0, static_cast<u32>(c.arg[5]));
}

i64 sys_futex_waitv(Thread& t, const Call& c) {
  u64 count = static_cast<u32>(c.arg[1]);
  u32 flags = static_cast<u32>(c.arg[2]);
  if (flags != 0 || count == 0 || count > kWaitersMaximum || c.arg[0] == 0) return -EINVAL;
  if (!timeout_ok(c.arg[3])) return -EFAULT;
  FutexWaiter waiters[kWaitersMaximum];
  if (copy_from_guest(waiters, c.arg[0], count * sizeof *waiters) != 0) return -EFAULT;
  for (u64 i = 0; i < count; i++) {
    // The kernel takes 4-byte words only, on their alignment.
    if (!in_arena(waiters[i].address, sizeof(u32))) return -EFAULT;
  }
  return t.host(__NR_futex_waitv, waiters, count, 0, c.arg[3], static_cast<u32>(c.arg[4]));
}

i64 sys_futex_requeue(Thread& t, const Call& c) {
  if (static_cast<u32>(c.arg[1]) != 0 || c.arg[0] == 0) return -EINVAL;
  FutexWaiter waiters[2];  // from, to
  if (read_guest(waiters, c.arg[0]) != 0) return -EFAULT;
  // An address that the guest cannot have faults where Linux would find its flags wrong or its word missing.
  for (FutexWaiter& waiter : waiters) waiter.address = check::pointer(waiter.address, sizeof(u32), false);
  return t.host(__NR_futex_requeue, waiters, 0, static_cast<u32>(c.arg[2]), static_cast<u32>(c.arg[3]));
}

}  // namespace barchan
