// mremap(2), brk(2), madvise(2).
#include <linux/mman.h>

#include "host/syscall.h"
#include "monitor/mm/debug.h"
#include "monitor/mm/sites.h"
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
  if (any_sealed(to, to + new_length)) return -EPERM;
  const u64 less = mapped_bytes(to, to + new_length) + (flags & MREMAP_DONTUNMAP ? 0 : old_length);
  if (!limits_allow(new_length, less, old.prot, old.flags)) return -ENOMEM;
  sites_restore(from, from + old_length);
  breakpoints_leave(from, from + old_length);
  sites_give_way(to, to + new_length);
  tables_clear(from, from + old_length);
  tables_clear(to, to + new_length);
  const i64 result = host::call(__NR_mremap, from, old_length, new_length,
                                (flags & MREMAP_DONTUNMAP) | MREMAP_MAYMOVE | MREMAP_FIXED, to);
  if (host::is_error(result)) return result;
  leave_reserve(to, to + new_length);
  leave_reserve(from, from + old_length);
  space.guards.remove(to, to + new_length);
  if (old_length) guards_move(from, old_length, to);
  if (old_length && !(flags & MREMAP_DONTUNMAP)) space.vmas.remove(from, from + old_length);
  space.vmas.remove(to, to + new_length);
  space.vmas.insert(to, to + new_length, old.prot, old.flags);
  fill_eagerly(to, to + new_length, old.prot);
  return result;
}

// The flags by which fork treats a mapping otherwise.
struct ForkAdvice {
  u16 set, clear;
};

ForkAdvice fork_advice(int advice) {
  switch (advice) {
    case MADV_DONTFORK: return {kVmaDontFork, 0};
    case MADV_DOFORK: return {0, kVmaDontFork};
    case MADV_WIPEONFORK: return {kVmaWipeOnFork, 0};
    case MADV_KEEPONFORK: return {0, kVmaWipeOnFork};
  }
  return {};
}

// Where the first mapping in [start, end) begins that the guest may not read; `end` when all are readable.
u64 first_unreadable(u64 start, u64 end) {
  SpaceGuard guard;
  for (u32 i = space.vmas.first_after(start); i < space.vmas.count(); i++) {
    const Vma& vma = space.vmas.at(i);
    if (vma.start >= end) break;
    if (!(vma.prot & PROT_READ)) return max(vma.start, start);
  }
  return end;
}

// MADV_POPULATE_READ: what the guest may only write or execute is readable to the host. madvise(2): EINVAL for it, after
// what lies before was populated.
i64 populate_read(u64 address, u64 length) {
  const u64 stop = first_unreadable(address, address + length);
  if (stop != address) {
    const i64 result = host::call(__NR_madvise, address, stop - address, MADV_POPULATE_READ);
    if (result < 0) return result;
  }
  return stop == address + length ? 0 : -EINVAL;
}

}  // namespace

// The host keeps the mapping and changes which part of its file it shows.
i64 remap_file(u64 address, u64 length, u64 prot, u64 page_offset, u64 flags) {
  if (prot != 0) return -EINVAL;
  const u64 start = page_down(address);
  length = page_down(length);
  if (start + length <= start || page_offset + length / kPageSize < page_offset) return -EINVAL;
  if (!in_reach(start, length)) return -EINVAL;
  SpaceGuard guard;
  const Vma* v = space.vmas.find(start);
  if (!v || !(v->flags & kVmaShared)) return -EINVAL;
  if (v->flags & kVmaSealed) return -EPERM;
  if (start + length > v->end) return -EINVAL;
  tables_clear(start, start + length);
  return host::call(__NR_remap_file_pages, start, length, 0, page_offset, flags);
}

i64 remap(u64 old_address, u64 old_length, u64 new_length, int flags, u64 new_address) {
  if (flags & ~(MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP)) return -EINVAL;
  if (flags & (MREMAP_FIXED | MREMAP_DONTUNMAP) && !(flags & MREMAP_MAYMOVE)) return -EINVAL;
  if (old_address % kPageSize) return -EINVAL;
  old_length = page_up(old_length);
  new_length = page_up(new_length);
  if (new_length == 0) return -EINVAL;
  // More than there are addresses: the host refuses it, a newer one before it has looked at the mapping.
  constexpr u64 kLinuxEnd = 0x7ffffffff000;
  if (new_length > kLinuxEnd) {
    const u64 from = in_reach(old_address, old_length) ? old_address : BARCHAN_ARENA_TOP;
    return host::call(__NR_mremap, from, old_length, new_length, flags & MREMAP_MAYMOVE, 0);
  }
  if (flags & MREMAP_DONTUNMAP && old_length != new_length) return -EINVAL;
  if (new_length > BARCHAN_ARENA_TOP) return -ENOMEM;

  SpaceGuard guard;
  if (!in_reach(old_address, old_length)) {
    // What would be cut off is no memory that munmap takes.
    return new_length < old_length && space.vmas.find(old_address) ? -EINVAL : -EFAULT;
  }
  if (!has_room()) return -ENOMEM;
  const Vma* found = space.vmas.find(old_address);
  if (!found) return -EFAULT;
  const Vma old = *found;
  if (old.flags & kVmaSealed) return -EPERM;
  const u64 old_end = old_address + old_length;

  if (flags & MREMAP_FIXED) {
    if (new_address % kPageSize || !in_reach(new_address, new_length)) return -EINVAL;
    if (old_address < new_address + new_length && new_address < old_end) return -EINVAL;
    // The tail that a smaller new length gives up goes first, as Linux does it.
    if (old_length > new_length) {
      if (any_sealed(old_address + new_length, old_end)) return -EPERM;
      tables_clear(old_address + new_length, old_end);
      const i64 cut = host::call(__NR_munmap, old_address + new_length, old_length - new_length);
      if (cut < 0) return cut;
      space.vmas.remove(old_address + new_length, old_end);
      space.guards.remove(old_address + new_length, old_end);
      old_length = new_length;
    }
    return move(old, old_address, old_length, new_address, new_length, flags);
  }
  if (old_length && new_length <= old_length && !(flags & MREMAP_DONTUNMAP)) {
    if (new_length == old_length)
      return space.vmas.covers(old_address, old_end) ? static_cast<i64>(old_address) : -EFAULT;
    if (any_sealed(old_address + new_length, old_end)) return -EPERM;
    tables_clear(old_address + new_length, old_end);
    const i64 result = host::call(__NR_mremap, old_address, old_length, new_length, 0);
    if (host::is_error(result)) return result;
    space.vmas.remove(old_address + new_length, old_end);
    space.guards.remove(old_address + new_length, old_end);
    return result;
  }
  if (old_length && old_end > old.end) return -EFAULT;
  if (old_length && !(flags & MREMAP_DONTUNMAP) && old_address + new_length <= BARCHAN_ARENA_TOP &&
      !space.vmas.overlaps(old_end, old_address + new_length)) {
    if (!limits_allow(new_length - old_length, 0, old.prot, old.flags)) return -ENOMEM;
    sites_give_way(old_end, old_address + new_length);
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
    if (!has_room() || space.vmas.overlaps(old_top, new_top + kPageSize) ||
        !limits_allow_break(new_top - old_top, address - space.brk_start))
      return static_cast<i64>(space.brk);
    sites_give_way(old_top, new_top);
    const i64 result = host::call(__NR_mmap, old_top, new_top - old_top, PROT_READ | PROT_WRITE,
                                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if (host::is_error(result)) return static_cast<i64>(space.brk);
    if (lock_new(old_top, new_top) < 0) {
      host::call(__NR_munmap, old_top, new_top - old_top);
      return static_cast<i64>(space.brk);
    }
    space.vmas.insert(old_top, new_top, prot, 0);
    fill_eagerly(old_top, new_top, prot);
  } else if (new_top < old_top) {
    if (!has_room() || any_sealed(new_top, old_top)) return static_cast<i64>(space.brk);
    tables_clear(new_top, old_top);
    host::call(__NR_munmap, new_top, old_top - new_top);
    space.vmas.remove(new_top, old_top);
    space.guards.remove(new_top, old_top);
  }
  space.brk = address;
  return static_cast<i64>(address);
}

i64 advise(u64 address, u64 length, int advice) {
  if (address % kPageSize) return -EINVAL;
  if (page_up(length) < length) return -EINVAL;
  length = page_up(length);
  const u64 end = address + length;
  if (end < address) return -EINVAL;
  // What acts on the whole machine is as without CAP_SYS_ADMIN.
  constexpr int kPoison = 100, kSoftOffline = 101;
  const bool poisons = advice == kPoison || advice == kSoftOffline;
  if (length == 0 || poisons || !in_reach(address, length)) {
    // Advice that the host does not know is refused first, whatever the range is.
    const i64 known = host::call(__NR_madvise, BARCHAN_ARENA_START, 0, advice);
    return known < 0 || length == 0 ? known : poisons ? -EPERM : -ENOMEM;
  }
  if (advice == MADV_POPULATE_READ) return populate_read(address, length);
  if (advice == kMadvGuardInstall || advice == kMadvGuardRemove) {
    SpaceGuard guard;
    if (!has_room()) return -ENOMEM;
    return advise_guards(address, end, advice);
  }
  const ForkAdvice fork = fork_advice(advice);
  if (fork.set | fork.clear || __atomic_load_n(&space.seals, __ATOMIC_RELAXED)) {
    SpaceGuard guard;
    if (fork.set | fork.clear && !has_room()) return -ENOMEM;
    for (u32 i = space.vmas.first_after(address); i < space.vmas.count() && space.vmas.at(i).start < end;
         i++) {
      const Vma& v = space.vmas.at(i);
      if (!advice_breaks_seal(v, advice)) continue;
      // What lies before it is done, as Linux goes from one mapping to the next.
      if (v.start <= address) return -EPERM;
      const i64 before = host::call(__NR_madvise, address, v.start - address, advice);
      return before < 0 && before != -ENOMEM ? before : -EPERM;
    }
    if (fork.set | fork.clear) {
      const i64 result = host::call(__NR_madvise, address, length, advice);
      if (result == 0 || result == -ENOMEM) space.vmas.set_flags(address, end, fork.set, fork.clear);
      return result;
    }
  }
  return host::call(__NR_madvise, address, length, advice);
}

}  // namespace barchan::mm
