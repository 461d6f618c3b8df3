#include "monitor/robust_list.h"

#include <linux/futex.h>

#include "host/syscall.h"
#include "host/uaccess.h"

namespace barchan {
namespace {

constexpr int kMostEntries = 2048;  // the kernel's ROBUST_LIST_LIMIT

struct Head {
  u64 next;
  i64 offset;
  u64 pending;
};

void wake_one(u64 address) { host::call(__NR_futex, address, FUTEX_WAKE, 1, 0, 0, 0); }

// False when the list must not be followed any further.
bool mark_owner_died(Thread& t, u64 entry, i64 offset, bool pending) {
  const bool priority_inheriting = entry & 1;
  const u64 address = (entry & ~u64{1}) + static_cast<u64>(offset);
  if (address & 3 || !in_arena(address, 4)) return false;
  u32 value;
  if (read_guest(value, address) < 0) return false;
  for (;;) {
    if (pending && !priority_inheriting && value == 0) {
      wake_one(address);
      return true;
    }
    if ((value & FUTEX_TID_MASK) != static_cast<u32>(tid_of(t))) return true;
    u32 seen;
    if (exchange_guest_u32(address, value, (value & FUTEX_WAITERS) | FUTEX_OWNER_DIED, seen) < 0)
      return false;
    if (seen == value) break;
    value = seen;
  }
  if (!priority_inheriting && value & FUTEX_WAITERS) wake_one(address);
  return true;
}

}  // namespace

void robust_list_set(Thread& t, u64 head) {
  t.robust_list = head;
  if (!t.vforked)
    host::call(__NR_set_robust_list, in_arena(head, kRobustHeadSize) ? head : 0, kRobustHeadSize);
}

void robust_list_release(Thread& t) {
  if (!t.robust_list) return;
  if (!t.vforked) host::call(__NR_set_robust_list, 0, kRobustHeadSize);
  const u64 start = t.robust_list;
  t.robust_list = 0;
  Head head;
  if (read_guest(head, start) < 0) return;
  u64 entry = head.next;
  for (int i = 0; i < kMostEntries && (entry & ~u64{1}) != start; i++) {
    u64 next;
    const bool more = read_guest(next, entry & ~u64{1}) == 0;
    if (entry != head.pending && !mark_owner_died(t, entry, head.offset, false)) return;
    if (!more) return;
    entry = next;
  }
  if (head.pending) mark_owner_died(t, head.pending, head.offset, true);
}

}  // namespace barchan
