// mremap(2), brk(2), madvise(2).
#include <linux/mman.h>

#include "host/syscall.h"
#include "monitor/mm/space.h"

#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

namespace barchan::mm {
namespace {

bool in_reach(u64 start, u64 length) {
  return start >= BARCHAN_ARENA_START && start <= BARCHAN_ARENA_TOP && length <= BARCHAN_ARENA_TOP - start;
}

// Moves or copies [from, from + old_length) to `to`, which the host may replace. Guest entries of both go first.
i64 move(const Vma& old, u64 from, u64 old_length, u64 to, u64 new_length, int flags) {
  tables_clear(from, from + old_length);
  tables_clear(to, to + new_length);
  const i64 result = host::call(__NR_mremap, from, old_length, new_length,
                                (flags & MREMAP_DONTUNMAP) | MREMAP_MAYMOVE | MREMAP_FIXED, to);
  if (host::is_error(result)) return result;
  if (old_length && !(flags & MREMAP_DONTUNMAP)) space.vmas.remove(from, from + old_length);
  space.vmas.remove(to, to + new_length);
  space.vmas.insert(to, to + new_length, old.prot, old.flags);
  fill_eagerly(to, to + new_length, old.prot);
  return result;
}

}  // namespace

i64 remap(u64 old_address, u64 old_length, u64 new_length, int flags, u64 new_address) {
  if (flags & ~(MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP)) return -EINVAL;
  if (flags & (MREMAP_FIXED | MREMAP_DONTUNMAP) && !(flags & MREMAP_MAYMOVE)) return -EINVAL;
  if (old_address % kPageSize) return -EINVAL;
  old_length = page_up(old_length);
  new_length = page_up(new_length);
  if (new_length == 0 || new_length > BARCHAN_ARENA_TOP) return -EINVAL;
  if (flags & MREMAP_DONTUNMAP && old_length != new_length) return -EINVAL;
  if (!in_reach(old_address, old_length)) return -EFAULT;

  SpaceGuard guard;
  if (!space.vmas.has_room()) return -ENOMEM;
  const Vma* found = space.vmas.find(old_address);
  if (!found) return -EFAULT;
  const Vma old = *found;
  const u64 old_end = old_address + old_length;

  if (flags & MREMAP_FIXED) {
    if (new_address % kPageSize || !in_reach(new_address, new_length)) return -EINVAL;
    if (old_address < new_address + new_length && new_address < old_end) return -EINVAL;
    // The tail that a smaller new length gives up goes first, as Linux does it.
    if (old_length > new_length) {
      tables_clear(old_address + new_length, old_end);
      const i64 cut = host::call(__NR_munmap, old_address + new_length, old_length - new_length);
      if (cut < 0) return cut;
      space.vmas.remove(old_address + new_length, old_end);
      old_length = new_length;
    }
    return move(old, old_address, old_length, new_address, new_length, flags);
  }
  if (old_length && new_length <= old_length && !(flags & MREMAP_DONTUNMAP)) {
    if (new_length == old_length)
      return space.vmas.covers(old_address, old_end) ? static_cast<i64>(old_address) : -EFAULT;
    tables_clear(old_address + new_length, old_end);
    const i64 result = host::call(__NR_mremap, old_address, old_length, new_length, 0);
    if (host::is_error(result)) return result;
    space.vmas.remove(old_address + new_length, old_end);
    return result;
  }
  if (old_length && old_end > old.end) return -EFAULT;
  if (old_length && !(flags & MREMAP_DONTUNMAP) && old_address + new_length <= BARCHAN_ARENA_TOP &&
      !space.vmas.overlaps(old_end, old_address + new_length)) {
    const i64 result = host::call(__NR_mremap, old_address, old_length, new_length, 0);
    if (!host::is_error(result)) {
      space.vmas.insert(old_end, old_address + new_length, old.prot, old.flags);
      fill_eagerly(old_end, old_address + new_length, old.prot);
      return result;
    }
    if (result != -ENOMEM) return result;
  }
  if (!(flags & MREMAP_MAYMOVE)) return -ENOMEM;
  u64 to = 0;
  if (flags & MREMAP_DONTUNMAP && new_address) {
    const u64 hint = page_up(new_address);
    if (in_reach(hint, new_length) && !space.vmas.overlaps(hint, hint + new_length)) to = hint;
  }
  if (!to) to = choose_place(new_length, false, kPageSize);
  return to ? move(old, old_address, old_length, to, new_length, flags) : -ENOMEM;
}

void set_brk_start(u64 address) { space.brk_start = space.brk = address; }

// Linux's brk returns the break, unchanged when the request cannot be met (man 2 brk, C library/kernel differences).
i64 brk(u64 address) {
  SpaceGuard guard;
  if (address < space.brk_start || address > BARCHAN_ARENA_TOP - kPageSize)
    return static_cast<i64>(space.brk);
  const u64 old_top = page_up(space.brk), new_top = page_up(address);
  constexpr u8 prot = PROT_READ | PROT_WRITE;
  if (new_top > old_top) {
    // One page stays free above, as Linux keeps the heap off its neighbour.
    if (!space.vmas.has_room() || space.vmas.overlaps(old_top, new_top + kPageSize))
      return static_cast<i64>(space.brk);
    const i64 result = host::call(__NR_mmap, old_top, new_top - old_top, PROT_READ | PROT_WRITE,
                                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if (host::is_error(result)) return static_cast<i64>(space.brk);
    space.vmas.insert(old_top, new_top, prot, 0);
    fill_eagerly(old_top, new_top, prot);
  } else if (new_top < old_top) {
    if (!space.vmas.has_room()) return static_cast<i64>(space.brk);
    tables_clear(new_top, old_top);
    host::call(__NR_munmap, new_top, old_top - new_top);
    space.vmas.remove(new_top, old_top);
  }
  space.brk = address;
  return static_cast<i64>(address);
}

i64 advise(u64 address, u64 length, int advice) {
  // Advice that would make host pages fail without a mapping change, or act on the whole machine.
  constexpr int kPoison = 100, kSoftOffline = 101, kGuardInstall = 102, kGuardRemove = 103;
  if (advice == kPoison || advice == kSoftOffline) return -EPERM;
  if (advice == kGuardInstall || advice == kGuardRemove) return -EINVAL;
  if (address % kPageSize) return -EINVAL;
  if (length == 0) return host::call(__NR_madvise, BARCHAN_ARENA_START, 0, advice);
  if (page_up(length) < length) return -EINVAL;
  length = page_up(length);
  if (address + length < address) return -EINVAL;
  if (!in_reach(address, length)) return -ENOMEM;
  const i64 result = host::call(__NR_madvise, address, length, advice);
  if (result == 0 && (advice == MADV_DONTFORK || advice == MADV_DOFORK)) {
    SpaceGuard guard;
    if (space.vmas.has_room())
      space.vmas.set_flags(address, address + length, advice == MADV_DONTFORK ? kVmaDontFork : 0,
                           advice == MADV_DOFORK ? kVmaDontFork : 0);
  }
  return result;
}

}  // namespace barchan::mm
