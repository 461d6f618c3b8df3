// What procfs files of the guest tell about its mappings.
#include "monitor/mm/space.h"

namespace barchan::mm {

bool next_mapping(u64 address, Mapping& mapping) {
  SpaceGuard guard;
  u32 index = space.vmas.first_after(address);
  if (index >= space.vmas.count()) return false;
  const Vma& vma = space.vmas.at(index);
  mapping = {vma.start, vma.end, vma.prot, (vma.flags & kVmaShared) != 0};
  return true;
}

void heap_range(u64& start, u64& end) {
  SpaceGuard guard;
  start = space.brk_start;
  end = page_up(space.brk);
}

}  // namespace barchan::mm
