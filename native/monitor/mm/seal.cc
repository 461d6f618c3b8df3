// mseal(2): mappings that the guest may no longer change. The host's own mappings are not sealed, as the monitor has to be
// able to change them.
#include <linux/mman.h>

#include "monitor/mm/space.h"

namespace barchan::mm {

bool any_sealed(u64 start, u64 end) {
  for (u32 i = space.vmas.first_after(start); i < space.vmas.count() && space.vmas.at(i).start < end; i++) {
    if (space.vmas.at(i).flags & kVmaSealed) return true;
  }
  return false;
}

// Advice that throws contents away, of memory that the guest could not overwrite instead.
bool advice_breaks_seal(const Vma& v, int advice) {
  switch (advice) {
    case MADV_FREE:
    case MADV_DONTNEED:
    case MADV_DONTNEED_LOCKED:
    case MADV_REMOVE:
    case MADV_DONTFORK:
    case MADV_WIPEONFORK:
    case kMadvGuardInstall:
      return v.flags & kVmaSealed && !(v.flags & (kVmaShared | kVmaFile)) && !(v.prot & PROT_WRITE);
  }
  return false;
}

i64 seal(u64 address, u64 length, u64 flags) {
  if (flags != 0 || address % kPageSize) return -EINVAL;
  const u64 end = address + page_up(length);
  if (page_up(length) < length || end < address) return -EINVAL;
  if (end == address) return 0;
  SpaceGuard guard;
  if (!has_room()) return -ENOMEM;
  if (!space.vmas.covers(address, end)) return -ENOMEM;
  __atomic_store_n(&space.seals, true, __ATOMIC_RELAXED);
  space.vmas.set_flags(address, end, kVmaSealed, 0);
  return 0;
}

}  // namespace barchan::mm
