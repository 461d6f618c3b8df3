// madvise(2), MADV_GUARD_INSTALL and MADV_GUARD_REMOVE: pages that fault although their mapping allows access. The host has
// markers of its own for them, so that its calls fail there as well; the guest's page tables have no entries.
#include <linux/mman.h>

#include "host/syscall.h"
#include "monitor/mm/space.h"

namespace barchan::mm {

bool fill_unguarded(u64 start, u64 end, u8 prot) {
  if (space.guards.count() == 0) return tables_fill(start, end, prot);
  while (start < end) {
    const u32 i = space.guards.first_after(start);
    const bool any = i < space.guards.count() && space.guards.at(i).start < end;
    const u64 stop = any ? max(start, space.guards.at(i).start) : end;
    if (start < stop && !tables_fill(start, stop, prot)) return false;
    start = any ? space.guards.at(i).end : end;
  }
  return true;
}

bool clip_to_guards(u64 address, u64& start, u64& end) {
  const u32 i = space.guards.first_after(address);
  if (i < space.guards.count()) {
    if (space.guards.at(i).start <= address) return false;
    end = min(end, space.guards.at(i).start);
  }
  if (i > 0) start = max(start, space.guards.at(i - 1).end);
  return true;
}

void guards_move(u64 from, u64 length, u64 to) {
  for (;;) {
    const u32 i = space.guards.first_after(from);
    if (i >= space.guards.count() || space.guards.at(i).start >= from + length) return;
    const u64 start = max(from, space.guards.at(i).start), end = min(from + length, space.guards.at(i).end);
    space.guards.remove(start, end);
    space.guards.insert(start - from + to, end - from + to, 0, 0);
  }
}

i64 advise_guards(u64 start, u64 end, int advice) {
  bool hole = false;
  for (u64 at = start; at < end;) {
    const u32 i = space.vmas.first_after(at);
    if (i == space.vmas.count() || space.vmas.at(i).start >= end) {
      hole = true;
      break;
    }
    const Vma v = space.vmas.at(i);
    hole |= v.start > at;
    at = max(at, v.start);
    const u64 stop = min(end, v.end);
    if (advice == kMadvGuardInstall && advice_breaks_seal(v, advice)) return -EPERM;
    if (!space.guards.has_room()) return -ENOMEM;
    if (advice == kMadvGuardInstall) tables_clear(at, stop);
    const i64 result = host::call(__NR_madvise, at, stop - at, advice);
    if (result < 0) return result;
    space.guards.remove(at, stop);
    if (advice == kMadvGuardInstall) space.guards.insert(at, stop, 0, 0);
    at = stop;
  }
  return hole ? -ENOMEM : 0;
}

}  // namespace barchan::mm
