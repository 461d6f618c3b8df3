// mmap, munmap, mprotect. The order of every change: guest entries first, then the host's mapping, whose MMU
// notifier flushes what the vCPUs have cached; then the VMA list.
#include <linux/mman.h>

#include "host/syscall.h"
#include "monitor/mm/sites.h"
#include "monitor/mm/space.h"
#include "monitor/mm/write_execute.h"
#include "monitor/policy.h"

#ifndef MAP_DROPPABLE
#define MAP_DROPPABLE 0x08  // Linux 6.11
#endif

namespace barchan::mm {
namespace {

constexpr u64 k4G = 1ull << 32;
// What mmap(2) calls the end of user space: natively munmap and hints may name addresses up to here.
constexpr u64 kLinuxEnd = 0x7ffffffff000;

bool in_reach(u64 start, u64 length) {
  return start >= BARCHAN_ARENA_START && start <= BARCHAN_ARENA_TOP && length <= BARCHAN_ARENA_TOP - start;
}

// A mapping made executable from a file system mounted noexec is refused by Linux when PROT_EXEC is asked for;
// the host never sees that bit, so the check is made here (man 2 mmap, EPERM).
bool on_noexec_mount(int fd) {
  struct {
    i64 type, bsize;
    u64 blocks, bfree, bavail, files, ffree;
    i32 fsid[2];
    i64 namelen, frsize, flags, spare[4];
  } fs;
  constexpr i64 kNoExec = 8;
  return host::call(__NR_fstatfs, fd, &fs) == 0 && fs.flags & kNoExec;
}

constexpr u8 kProtMask = PROT_READ | PROT_WRITE | PROT_EXEC;

// What Linux refuses by arguments alone, in its order. No huge pages are set aside for guests: ENOMEM, as when the pool is empty.
i64 judge(u64 length, int type, bool anonymous, int flags, u64 offset) {
  if (flags & MAP_HUGETLB) {
    constexpr u32 k2M = 21, k1G = 30;
    const u32 size = static_cast<u32>(flags) >> MAP_HUGE_SHIFT & MAP_HUGE_MASK;
    if (!anonymous || (size != 0 && size != k2M && size != k1G)) return -EINVAL;
  }
  if (length == 0) return -EINVAL;
  if (length > kLinuxEnd) return -ENOMEM;
  if (!anonymous && offset + page_up(length) < offset) return -EOVERFLOW;
  const bool shared = type == MAP_SHARED || type == MAP_SHARED_VALIDATE;
  if (!shared && type != MAP_PRIVATE && !(type == MAP_DROPPABLE && anonymous)) return -EINVAL;
  if (flags & MAP_GROWSDOWN && !(anonymous && type == MAP_PRIVATE)) return -EINVAL;
  return flags & MAP_HUGETLB ? -ENOMEM : 0;
}

}  // namespace

int host_prot(int prot) {
  if (prot & PROT_WRITE) return PROT_READ | PROT_WRITE;
  return prot & (PROT_READ | PROT_EXEC) ? PROT_READ : PROT_NONE;
}

void fill_eagerly(u64 start, u64 end, u8 prot) {
  // A failure is not an error here: the fault path tries again and reports.
  if (end - start <= kEagerFill) fill_unguarded(start, end, prot);
}

u64 choose_place(u64 length, bool below_4g, u64 align) {
  if (below_4g) return space.vmas.gap_below(0x40000000, 0x80000000, length, align);
  const u64 at = space.vmas.gap_below(BARCHAN_ARENA_START, space.layout.mmap_base, length, align);
  return at ? at : space.vmas.gap_above(space.layout.mmap_base, BARCHAN_ARENA_TOP, length, align);
}

i64 map(u64 address, u64 length, int prot, int flags, int fd, u64 offset) {
  const int type = flags & MAP_TYPE;
  const bool anonymous = flags & MAP_ANONYMOUS;
  if (offset % kPageSize) return -EINVAL;
  if (const i64 error = judge(length, type, anonymous, flags, offset); error < 0) {
    // A descriptor that is not open is noticed before; nothing is mapped, as the length is none.
    const bool closed = !anonymous && host::call(__NR_mmap, 0, 0, PROT_NONE, MAP_PRIVATE, fd, 0) == -EBADF;
    return closed ? -EBADF : error;
  }
  length = page_up(length);
  if (prot & PROT_EXEC && !anonymous && on_noexec_mount(fd)) return -EPERM;
  if (!may_map(prot, type != MAP_PRIVATE, anonymous, fd)) return policy::refused(-EACCES);

  const u16 kind = static_cast<u16>((type == MAP_SHARED || type == MAP_SHARED_VALIDATE ? kVmaShared : 0) |
                                    (anonymous ? 0 : kVmaFile) | (flags & MAP_GROWSDOWN ? kVmaGrowsDown : 0));
  const u8 kept = static_cast<u8>(prot & kProtMask);
  SpaceGuard guard;
  if (!has_room()) return -ENOMEM;
  u64 at = 0;
  bool replaces = false;
  if (flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) {
    if (address % kPageSize) return -EINVAL;
    if (address < BARCHAN_ARENA_START) return -EPERM;
    if (!in_reach(address, length)) return -ENOMEM;
    at = address;
    replaces = space.vmas.overlaps(at, at + length);
    if (replaces && flags & MAP_FIXED_NOREPLACE) return -EEXIST;
  } else {
    const u64 hint = address < kLinuxEnd ? page_up(address) : 0;
    if (hint && in_reach(hint, length) && !space.vmas.overlaps(hint, hint + length) &&
        (!(flags & MAP_32BIT) || hint + length <= k4G / 2)) {
      at = hint;
    } else {
      at = choose_place(length, flags & MAP_32BIT, kPageSize);
      if (!at) return -ENOMEM;
    }
  }

  if (replaces && any_sealed(at, at + length)) return -EPERM;
  if (!limits_allow(length, replaces ? mapped_bytes(at, at + length) : 0, kept, kind)) return -ENOMEM;
  sites_give_way(at, at + length);
  if (replaces) tables_clear(at, at + length);
  const int host_flags = (flags & ~(MAP_FIXED_NOREPLACE | MAP_32BIT | MAP_GROWSDOWN)) | MAP_FIXED;
  const i64 result = host::call(__NR_mmap, at, length, host_prot(prot), host_flags, fd, offset);
  if (host::is_error(result)) return result;
  leave_reserve(at, at + length);
  if (replaces) space.vmas.remove(at, at + length);
  space.guards.remove(at, at + length);
  if (const i64 error = lock_new(at, at + length); error < 0) {
    host::call(__NR_munmap, at, length);
    return error;
  }
  space.vmas.insert(at, at + length, kept, kind);
  if (anonymous && kept & PROT_WRITE && !(kind & (kVmaShared | kVmaGrowsDown)))
    fill_start(at, at + length, kept);
  else
    fill_eagerly(at, at + length, kept);
  return static_cast<i64>(at);
}

i64 unmap(u64 address, u64 length) {
  if (address % kPageSize || length == 0 || length > kLinuxEnd || address > kLinuxEnd - length)
    return -EINVAL;
  const u64 start = max<u64>(address, BARCHAN_ARENA_START);
  const u64 end = min<u64>(address + page_up(length), BARCHAN_ARENA_TOP);
  if (start >= end) return 0;
  SpaceGuard guard;
  if (!space.vmas.overlaps(start, end)) return 0;
  if (!has_room()) return -ENOMEM;
  if (any_sealed(start, end)) return -EPERM;
  tables_clear(start, end);
  const i64 result = host::call(__NR_munmap, start, end - start);
  if (result < 0) return result;
  leave_reserve(start, end);
  space.vmas.remove(start, end);
  space.guards.remove(start, end);
  return 0;
}

i64 protect(u64 address, u64 length, int prot) {
  const int grows = prot & (PROT_GROWSDOWN | PROT_GROWSUP);
  prot &= ~(PROT_GROWSDOWN | PROT_GROWSUP);
  if (grows == (PROT_GROWSDOWN | PROT_GROWSUP) || address % kPageSize) return -EINVAL;
  if (length == 0) return 0;
  if (page_up(length) < length || address + page_up(length) <= address) return -ENOMEM;
  length = page_up(length);
  if (prot & ~(kProtMask | PROT_SEM)) return -EINVAL;
  if (!in_reach(address, length)) return -ENOMEM;
  const u8 wanted = static_cast<u8>(prot & kProtMask);

  SpaceGuard guard;
  if (!has_room()) return -ENOMEM;
  u64 at = address;
  const u64 end = address + length;
  if (grows) {
    const Vma* v = space.vmas.find(address);
    if (!v || !(grows & PROT_GROWSDOWN) || !(v->flags & kVmaGrowsDown)) return v ? -EINVAL : -ENOMEM;
    at = v->start;
  }
  bool lost_execute_only = false;
  i64 result = 0;
  while (at < end) {
    const Vma* v = space.vmas.find(at);
    if (!v) {
      result = -ENOMEM;
      break;
    }
    const u64 stop = min(end, v->end);
    const u8 before = v->prot;
    if (!may_protect(before, wanted)) {
      result = policy::refused(-EACCES);
      break;
    }
    if (v->flags & kVmaSealed) {
      result = -EPERM;
      break;
    }
    if (wanted & PROT_WRITE && !limits_allow_writing(*v, stop - at)) {
      result = -ENOMEM;
      break;
    }
    if (before == wanted) {
      at = stop;
      continue;
    }
    if (wanted & PROT_WRITE) sites_restore(at, stop);
    tables_protect(at, stop, wanted);
    result = host::call(__NR_mprotect, at, stop - at, host_prot(wanted));
    if (result < 0) {
      tables_protect(at, stop, before);
      break;
    }
    if (before & PROT_EXEC && !(wanted & PROT_EXEC) && host_prot(before) == host_prot(wanted))
      lost_execute_only = true;
    space.vmas.set_prot(at, stop, wanted);
    fill_eagerly(at, stop, wanted);
    at = stop;
  }
  if (lost_execute_only) flush_tlb();
  return result;
}

i64 map_stack(int prot) {
  const u64 start = space.layout.stack_top - space.layout.stack_size;
  const i64 result =
      host::call(__NR_mmap, start, space.layout.stack_size, host_prot(prot),
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE | MAP_STACK, -1, 0);
  if (host::is_error(result)) return result;
  SpaceGuard guard;
  space.reserve = start;
  space.vmas.insert(space.layout.stack_top - kPageSize, space.layout.stack_top,
                    static_cast<u8>(prot & kProtMask), kVmaGrowsDown);
  return 0;
}

void settle_stack(u64 sp) {
  // fs/exec.c, setup_arg_pages().
  constexpr u64 kMore = 128 << 10;
  SpaceGuard guard;
  Vma& stack = space.vmas.at(space.vmas.first_after(space.layout.stack_top - 1));
  stack.start = max(space.reserve, page_down(sp) - kMore);
  fill_eagerly(stack.start, stack.end, stack.prot);
}

}  // namespace barchan::mm
