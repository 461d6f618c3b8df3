// Guest page faults: fill entries, grow stacks, or say which signal Linux would send.
#include <linux/mman.h>
#include <linux/resource.h>

#include "host/syscall.h"
#include "host/uaccess.h"
#include "monitor/mm/sites.h"
#include "monitor/mm/space.h"

namespace barchan::mm {
namespace {

constexpr u64 kErrorWrite = 1 << 1, kErrorFetch = 1 << 4;
// Entries filled around a fault: 256 KiB, aligned, within the mapping.
constexpr u64 kChunk = 64 * kPageSize;
// Linux keeps 1 MiB free below a growing stack (vm.stack_guard_gap, 256 pages).
constexpr u64 kGuardGap = 256 * kPageSize;

bool allowed(const Vma& v, u64 error) {
  if (error & kErrorWrite) return v.prot & PROT_WRITE;
  if (error & kErrorFetch) return v.prot & PROT_EXEC;
  return v.prot & (PROT_READ | PROT_WRITE | PROT_EXEC);
}

// Extends the stack mapping at `index` down to `address`. False when Linux would not.
bool grow(u32 index, u64 address) {
  const Vma v = space.vmas.at(index);
  const u64 start = page_down(address);
  rlimit64 limit = {};
  if (host::call(__NR_prlimit64, 0, RLIMIT_STACK, nullptr, &limit) < 0 || v.end - start > limit.rlim_cur)
    return false;
  const u64 below = index > 0 ? space.vmas.at(index - 1).end : BARCHAN_ARENA_START;
  const bool accessible = index > 0 && space.vmas.at(index - 1).prot != PROT_NONE &&
                          !(space.vmas.at(index - 1).flags & kVmaGrowsDown);
  if (start < below || (accessible && start - below < kGuardGap)) return false;
  if (!limits_allow(v.start - start, 0, v.prot, v.flags)) return false;
  // Into its reserve, which the host has had from the start; or, past that, with what was left of it replaced.
  const bool first = v.end == space.layout.stack_top && v.start >= space.reserve;
  u64 from = v.start;
  if (first && start < v.start) {
    from = max(start, space.reserve);
    if (host_prot(v.prot) != (PROT_READ | PROT_WRITE) &&
        host::call(__NR_mprotect, from, v.start - from, host_prot(v.prot)) < 0)
      return false;
  }
  if (start < from) {
    const i64 result = host::call(__NR_mmap, start, from - start, host_prot(v.prot),
                                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
    if (host::is_error(result)) return false;
  }
  if (lock_new(start, v.start) < 0) return false;
  sites_give_way(start, v.start);
  space.vmas.at(index).start = start;
  return true;
}

}  // namespace

Fault fault(u64 address, u64 error) {
  SpaceGuard guard;
  if (error & kErrorFetch && sites_refill(page_down(address))) return Fault::kRetry;
  u32 index = space.vmas.first_after(address);
  if (index == space.vmas.count()) return Fault::kMapError;
  if (space.vmas.at(index).start > address &&
      (!(space.vmas.at(index).flags & kVmaGrowsDown) || !grow(index, address)))
    return Fault::kMapError;
  const Vma& v = space.vmas.at(index);
  if (!allowed(v, error)) return Fault::kAccessError;
  const u64 page = page_down(address);
  u64 start = max(v.start, page & ~(kChunk - 1));
  u64 end = min(v.end, (page & ~(kChunk - 1)) + kChunk);
  if (!clip_to_guards(page, start, end)) return Fault::kMapError;
  if (space.probe_files && v.flags & kVmaFile) {
    if (!probe_guest(page, false)) return Fault::kBus;
    return tables_fill(page, page + kPageSize, v.prot) ? Fault::kRetry : Fault::kBus;
  }
  // Present and allowing: another thread was first, or a stale translation that the fault has removed.
  if (entry_allows(tables_entry(page), error)) return Fault::kRetry;
  return tables_fill(start, end, v.prot) ? Fault::kRetry : Fault::kBus;
}

bool is_present(u64 address) {
  SpaceGuard guard;
  return tables_entry(address) != 0;
}

bool drop_failed_pages() {
  SpaceGuard guard;
  bool any = false;
  for (u32 i = 0; i < space.vmas.count(); i++) {
    const Vma& v = space.vmas.at(i);
    if (!(v.flags & kVmaFile)) continue;
    tables_clear(v.start, v.end);
    any = true;
  }
  space.probe_files = true;
  return any;
}

}  // namespace barchan::mm
