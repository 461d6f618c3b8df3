// Four-level page tables of 4 KiB leaves (SDM vol. 3A, 4.5).
//
// Some hosts shadow them and do not see the monitor's writes. Two rules keep that right: a present non-leaf
// entry never changes, and a table page never serves at another level. A leaf that loses permission becomes
// effective with the host change that follows it (the MMU notifier drops KVM's copy and flushes).
#include <linux/mman.h>

#include "monitor/mm/debug.h"
#include "monitor/mm/space.h"
#include "monitor/report.h"

namespace barchan::mm {
namespace {

constexpr u64 kPresent = 1 << 0, kWritable = 1 << 1, kUser = 1 << 2, kAccessed = 1 << 5, kDirty = 1 << 6;
constexpr u64 kNoExecute = 1ull << 63;
constexpr u64 kAddress = 0x000ffffffffff000;
// #PF error code bits (SDM vol. 3A, 4.7).
constexpr u64 kErrorWrite = 1 << 1, kErrorFetch = 1 << 4;

constexpr u64 kTableBits = kPresent | kWritable | kUser | kAccessed;
constexpr u64 kTableSpan = 2ull << 20;  // what one last-level table maps

u64* root;
// Top tables of vCPUs that have their own, by number: guest-physical addresses, or 0. They follow `root` but for the
// entry of the system region.
constexpr u32 kOwnRoots = 64;
u64 own_roots[kOwnRoots];
u64 watch_physical;
constexpr u32 kSystemSlot = BARCHAN_SYSTEM_VA >> 39 & 511;
static_assert(BARCHAN_RING_VA >> 39 == BARCHAN_SYSTEM_VA >> 39);

void store(u64* entry, u64 value) { __atomic_store_n(entry, value, __ATOMIC_RELEASE); }

u64* table_at(u64 entry) { return reinterpret_cast<u64*>(region_host(entry & kAddress)); }

u32 slot(u64 va, int level) { return va >> (12 + 9 * level) & 511; }

// The entry for `va` in a last-level table; null when a table is missing (and, with `create`, not to be had).
u64* leaf(u64 va, bool create) {
  u64* table = root;
  for (int level = 3; level > 0; level--) {
    u64& entry = table[slot(va, level)];
    if (!(entry & kPresent)) {
      if (!create) return nullptr;
      u64 physical;
      if (!region_page(physical)) return nullptr;
      store(&entry, physical | kTableBits);
      if (level == 3) {
        for (u64 own : own_roots)
          if (own) store(&table_at(own)[slot(va, 3)], entry);
      }
    }
    table = table_at(entry);
  }
  return &table[slot(va, 0)];
}

// Accessed and dirty are set from the start: the processor need never write to the tables.
u64 leaf_bits(u8 prot) {
  if (!(prot & (PROT_READ | PROT_WRITE | PROT_EXEC))) return 0;
  return kPresent | kUser | kAccessed | kDirty | (prot & PROT_WRITE ? kWritable : 0) |
         (prot & PROT_EXEC ? 0 : kNoExecute);
}

// Calls f(entry, va) for each leaf entry of [start, end) whose tables exist.
template <typename F> void each_leaf(u64 start, u64 end, F f) {
  for (u64 va = start; va < end;) {
    u64* entry = leaf(va, false);
    // Step over the 2 MiB whose table is missing; over more where a higher one is.
    if (!entry) {
      u64 step = kTableSpan;
      const u64 top = root[slot(va, 3)];
      if (!(top & kPresent)) {
        step = 1ull << 39;
      } else if (!(table_at(top)[slot(va, 2)] & kPresent)) {
        step = 1ull << 30;
      }
      va = (va & ~(step - 1)) + step;
      continue;
    }
    const u64 stop = min(end, (va & ~(kTableSpan - 1)) + kTableSpan);
    for (; va < stop; va += kPageSize, entry++) f(entry, va);
  }
}

}  // namespace

void tables_create() {
  u64 physical;
  u8* page = region_page(physical);
  if (!page) fail_start("ERR_MONITOR_MEMORY", ENOMEM, "page tables", nullptr, 125);
  root = reinterpret_cast<u64*>(page);
  space.vm.root = physical;
}

void tables_map_system(u64 va, u64 physical, bool user, bool writable, bool executable) {
  u64* entry = leaf(va, true);
  if (!entry) monitor_crash("no memory for the system page tables");
  store(entry, physical | kPresent | kAccessed | kDirty | (user ? kUser : 0) | (writable ? kWritable : 0) |
                   (executable ? 0 : kNoExecute));
}

void tables_unmap_system(u64 va) {
  if (u64* entry = leaf(va, false)) store(entry, 0);
}

bool tables_for_vcpu(u32 id, VcpuPages& pages) {
  if (id >= kOwnRoots) return false;
  const u64 system = root[kSystemSlot];
  if (watch_physical == 0 && !region_page(watch_physical)) return false;
  if (own_roots[id] == 0) {
    // The ring's GiB: everybody's, and in place of it a branch with these pages, for ring 3 and for ring 0.
    u64 top, third, second, first, ring, answers;
    if (!region_page(top) || !region_page(third) || !region_page(second) || !region_page(first) ||
        !region_page(ring) || !region_page(answers))
      return false;
    constexpr u64 kReadable = kPresent | kAccessed | kDirty | kNoExecute;
    u64* leaves = table_at(first);
    leaves[slot(BARCHAN_RING_VA, 0)] = ring | kReadable | kWritable | kUser;
    leaves[slot(BARCHAN_RING_SUPERVISOR_VA, 0)] = ring | kReadable | kWritable;
    leaves[slot(BARCHAN_ANSWERS_VA, 0)] = answers | kReadable | kUser;
    leaves[slot(BARCHAN_ANSWERS_SUPERVISOR_VA, 0)] = answers | kReadable;
    leaves[slot(BARCHAN_WATCH_VA, 0)] = watch_physical | kReadable | kUser;
    leaves[slot(BARCHAN_WATCH_SUPERVISOR_VA, 0)] = watch_physical | kReadable;
    table_at(second)[slot(BARCHAN_RING_VA, 1)] = first | kTableBits;
    for (u32 i = 0; i < 512; i++) table_at(third)[i] = table_at(system)[i];
    table_at(third)[slot(BARCHAN_RING_VA, 2)] = second | kTableBits;
    table_at(top)[kSystemSlot] = third | kTableBits;
    own_roots[id] = top;
  }
  pages.root = own_roots[id];
  u64* top = table_at(pages.root);
  for (u32 i = 0; i < 512; i++)
    if (i != kSystemSlot) top[i] = root[i];
  const u64* table = top;
  for (int level = 3; level > 0; level--) table = table_at(table[slot(BARCHAN_RING_VA, level)]);
  pages.ring = region_host(table[slot(BARCHAN_RING_VA, 0)] & kAddress);
  pages.answers = region_host(table[slot(BARCHAN_ANSWERS_VA, 0)] & kAddress);
  return true;
}

u8* watch_page() { return region_host(watch_physical); }

bool tables_fill(u64 start, u64 end, u8 prot) {
  const u64 bits = leaf_bits(prot);
  if (!bits) return true;
  for (u64 va = start; va < end;) {
    const u64 physical = window_physical(va);
    u64* entry = physical ? leaf(va, true) : nullptr;
    if (!entry) return false;
    // One table covers 2 MiB, and windows are multiples of that.
    const u64 stop = min(end, (va & ~(kTableSpan - 1)) + kTableSpan);
    for (u64 p = physical; va < stop; va += kPageSize, p += kPageSize) {
      const u64 own = limits_in_force ? leaf_bits(limited_prot(va, prot)) : bits;
      store(entry++, own ? p | own : 0);
    }
  }
  return true;
}

void tables_protect(u64 start, u64 end, u8 prot) {
  const u64 bits = leaf_bits(prot);
  each_leaf(start, end, [bits, prot](u64* entry, u64 va) {
    const u64 own = limits_in_force ? leaf_bits(limited_prot(va, prot)) : bits;
    if (*entry & kPresent) store(entry, own ? (*entry & kAddress) | own : 0);
  });
}

void tables_clear(u64 start, u64 end) {
  each_leaf(start, end, [](u64* entry, u64) {
    if (*entry) store(entry, 0);
  });
}

u64 tables_entry(u64 va) {
  const u64* entry = leaf(va, false);
  return entry ? *entry : 0;
}

bool entry_allows(u64 entry, u64 fault_error) {
  if (!(entry & kPresent) || !(entry & kUser)) return false;
  if (fault_error & kErrorWrite && !(entry & kWritable)) return false;
  return !(fault_error & kErrorFetch && entry & kNoExecute);
}

}  // namespace barchan::mm
