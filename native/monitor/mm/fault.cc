// Guest page faults: fill entries, grow stacks, or say which signal Linux would send.
#include <linux/mman.h>
#include <linux/resource.h>

#include "host/syscall.h"
#include "host/uaccess.h"
#include "monitor/mm/debug.h"
#include "monitor/mm/sites.h"
#include "monitor/mm/space.h"

namespace barchan::mm {
namespace {

constexpr u64 kErrorWrite = 1 << 1, kErrorFetch = 1 << 4;
// Entries filled around a fault: 256 KiB, aligned, within the mapping.
constexpr u64 kChunk = 64 * kPageSize;
// Where KVM shadows the page tables (as software KVMs do, whose entry mode is `user`), a program that writes one fresh page
// after the other gets its next pages before it asks for them: KVM then maps the neighbours of a page with it, as the host
// has them already. With nested paging it maps each page by itself, and nothing is won.
// A run has come to an end of what was filled, and goes on: two shorter steps, of which entries alone are filled, show that it
// is one. The sizes have no common divisor, so that a program which touches every n-th page makes no run; one that stops has at
// most the last size too much.
struct Run {
  u64 next;  // 0: free
  u32 steps;
};
Run runs[4];
u32 oldest_run;
constexpr u32 kSizes[] = {13, 29, 61, 64};  // pages; the last two in turn from then on
constexpr u32 kEntriesOnly = 2;
bool cannot_populate;  // Linux before 5.14
bool maps_neighbours() { return space.vm.entry_mode == kvm::EntryMode::kUser && !cannot_populate; }
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

Run* run_at(u64 page) {
  for (Run& r : runs)
    if (r.next == page) return &r;
  return nullptr;
}

void begin_run(u64 next) {
  if (run_at(next)) return;
  runs[oldest_run++ % (sizeof runs / sizeof *runs)] = {next, 0};
}

bool is_fresh_memory(const Vma& v) {
  constexpr u16 kOthers = kVmaShared | kVmaFile | kVmaShm | kVmaSpecial | kVmaGrowsDown;
  return v.prot & PROT_WRITE && !(v.flags & kOthers);
}

// The end of what is filled from `page` on, where the run is.
u64 go_on(Run& r, const Vma& v, u64 page) {
  const u32 size = kSizes[r.steps];
  r.steps = r.steps == 3 ? 2 : r.steps + 1;
  return min(v.end, page + size * kPageSize);
}

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
  if (limits_in_force && limits_trap(page, error)) [[unlikely]]
    return Fault::kTrapped;
  if (space.probe_files && v.flags & kVmaFile) {
    if (!probe_guest(page, false)) return Fault::kBus;
    return tables_fill(page, page + kPageSize, v.prot) ? Fault::kRetry : Fault::kBus;
  }
  // Present and allowing: another thread was first, or a stale translation that the fault has removed.
  if (entry_allows(tables_entry(page), error)) return Fault::kRetry;
  if (error & kErrorWrite && maps_neighbours() && is_fresh_memory(v)) {
    if (Run* r = run_at(page)) {
      start = page;
      const bool populates = r->steps >= kEntriesOnly;
      end = go_on(*r, v, page);
      clip_to_guards(page, start, end);
      r->next = end;
      // Where it fails, the guest's own access says why.
      if (populates && host::call(__NR_madvise, start, end - start, MADV_POPULATE_WRITE) == -EINVAL)
        cannot_populate = true;
    } else if (end < v.end) {
      begin_run(end);
    }
  }
  return tables_fill(start, end, v.prot) ? Fault::kRetry : Fault::kBus;
}

void fill_start(u64 start, u64 end, u8 prot) {
  if (end - start <= kChunk || !maps_neighbours()) return fill_eagerly(start, end, prot);
  if (end - start > kEagerFill) return;
  const u64 stop = min(end, (start & ~(kChunk - 1)) + kChunk);
  fill_unguarded(start, stop, prot);
  if (stop < end) begin_run(stop);
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
