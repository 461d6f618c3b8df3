// Contract: debug.h. Entries that lose a permission become effective by flush_tlb().
#include "monitor/mm/traps.h"

#include <linux/mman.h>

#include "host/syscall.h"
#include "host/uaccess.h"
#include "monitor/mm/debug.h"
#include "monitor/mm/space.h"

namespace barchan::mm {

bool limits_in_force = false;

namespace {

constexpr u64 kErrorWrite = 1 << 1, kErrorFetch = 1 << 4;
constexpr u32 kKinds = abi::kDebugReads | abi::kDebugWrites | abi::kDebugExecutes;
constexpr u32 kTrapsMost = 1024;

struct Trap {
  u64 page;
  u32 kinds;
};
Trap traps[kTrapsMost];
u32 trap_count;
bool suspended;

// Pages by hash, each with its kinds in the low bits; 0: free.
constexpr u64 kPlaces = 1 << 20;
u64* noted;
u64 noted_count;
u32 covering;

// A table that is full takes no more, and nothing is held back for it.
bool notes() { return covering != 0 && noted_count < kPlaces / 4 * 3; }

u32 trap_of(u64 page) {
  for (u32 i = 0; i < trap_count; i++)
    if (traps[i].page == page) return traps[i].kinds;
  return 0;
}

// The place of `page`, or a free one.
u64& place_of(u64 page) {
  u64 at = (page / kPageSize * 0x9e3779b97f4a7c15) >> 44;
  while (noted[at % kPlaces] != 0 && page_down(noted[at % kPlaces]) != page) at++;
  return noted[at % kPlaces];
}

void settle() { limits_in_force = !suspended && (trap_count != 0 || covering != 0); }

// Entries of [start, end) as the mappings and limits have them now.
void apply(u64 start, u64 end) {
  for (u32 i = space.vmas.first_after(start); i < space.vmas.count() && space.vmas.at(i).start < end; i++) {
    const Vma& v = space.vmas.at(i);
    tables_protect(max(v.start, start), min(v.end, end), v.prot);
  }
}

void apply_all() {
  if (covering != 0) apply(0, BARCHAN_ARENA_TOP);
  for (u32 i = 0; i < trap_count; i++) apply(traps[i].page, traps[i].page + kPageSize);
  flush_tlb();
}

}  // namespace

u8 limited_prot(u64 va, u8 prot) {
  const u64 page = page_down(va);
  const u32 trapped = trap_of(page);
  u8 left = prot;
  if (notes()) {
    const u32 seen = place_of(page) & kKinds;
    if (covering & abi::kDebugReads && seen == 0) return 0;
    if (covering & abi::kDebugWrites && !(seen & abi::kDebugWrites)) left &= static_cast<u8>(~PROT_WRITE);
    if (covering & abi::kDebugExecutes && !(seen & abi::kDebugExecutes)) left &= static_cast<u8>(~PROT_EXEC);
  }
  if (trapped & abi::kDebugReads) return 0;
  if (trapped & abi::kDebugWrites) left &= static_cast<u8>(~PROT_WRITE);
  if (trapped & abi::kDebugExecutes) left &= static_cast<u8>(~PROT_EXEC);
  return left;
}

bool limits_trap(u64 page, u64 error) {
  const u32 kind = error & kErrorFetch   ? abi::kDebugExecutes
                   : error & kErrorWrite ? abi::kDebugWrites
                                         : abi::kDebugReads;
  if (notes()) {
    u64& place = place_of(page);
    if (place == 0) noted_count++;
    place |= page | kind;
  }
  // A page that cannot be read cannot be used at all.
  const u32 trapped = trap_of(page);
  return trapped & (kind | abi::kDebugReads);
}

i64 traps_set(u64 address, u64 length, u32 kinds) {
  if (!in_arena(address, length) || length == 0 || kinds & ~kKinds) return -EINVAL;
  SpaceGuard guard;
  const u64 first = page_down(address), end = page_up(address + length);
  if ((end - first) / kPageSize > kTrapsMost) return -ENOSPC;
  u32 fresh = 0;
  for (u64 page = first; page < end; page += kPageSize) fresh += trap_of(page) == 0;
  if (kinds != 0 && trap_count + fresh > kTrapsMost) return -ENOSPC;
  for (u64 page = first; page < end; page += kPageSize) {
    u32 i = 0;
    while (i < trap_count && traps[i].page != page) i++;
    if (kinds != 0) {
      traps[i] = {page, kinds};
      if (i == trap_count) trap_count++;
    } else if (i < trap_count) {
      traps[i] = traps[--trap_count];
    }
  }
  settle();
  apply(first, end);
  flush_tlb();
  return 0;
}

i64 cover(u32 kinds) {
  if (kinds & ~kKinds) return -EINVAL;
  SpaceGuard guard;
  if (noted) host::call(__NR_munmap, noted, kPlaces * sizeof *noted);
  noted = nullptr;
  noted_count = 0;
  covering = 0;
  if (kinds != 0) {
    const i64 memory = host::call(__NR_mmap, 0, kPlaces * sizeof *noted, PROT_READ | PROT_WRITE,
                                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (host::is_error(memory)) return -ENOMEM;
    noted = reinterpret_cast<u64*>(memory);
    covering = kinds;
  }
  settle();
  apply(0, BARCHAN_ARENA_TOP);
  flush_tlb();
  return 0;
}

u32 covered(u64& at, u64* to, u32 most) {
  SpaceGuard guard;
  u32 n = 0;
  for (; noted && at < kPlaces && n < most; at++)
    if (noted[at] != 0) to[n++] = noted[at];
  if (!noted || at >= kPlaces) at = 0;
  return n;
}

void traps_suspend(bool suspend) {
  suspended = suspend;
  settle();
  if (!suspend && limits_in_force) apply_all();
}

void traps_forget() {
  trap_count = 0;
  covering = 0;
  suspended = false;
  settle();
}

}  // namespace barchan::mm
