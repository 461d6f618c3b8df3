// Purpose: the state behind mm.h, and what the files of mm/ offer each other.
// Owner:   monitor/mm. Threads: everything here under `space.lock`.
#ifndef BARCHAN_MONITOR_MM_SPACE_H
#define BARCHAN_MONITOR_MM_SPACE_H

#include "abi/layout.h"
#include "host/lock.h"
#include "kvm/vm.h"
#include "monitor/mm/mm.h"
#include "monitor/mm/vma.h"

namespace barchan::mm {

struct Space {
  host::Mutex lock;
  kvm::Vm vm;
  VmaList vmas;
  Layout layout;
  u64 brk_start, brk;
  bool probe_files;  // some file-backed page failed: probe before filling entries of such mappings
};
extern Space space;

// Space::lock, which outlives holders of other processes that share this memory.
void lock_space();
void unlock_space();
class SpaceGuard {
 public:
  SpaceGuard() { lock_space(); }
  ~SpaceGuard() { unlock_space(); }
  SpaceGuard(const SpaceGuard&) = delete;
  SpaceGuard& operator=(const SpaceGuard&) = delete;
};

// ---- system region (region.cc): guest-physical pages of the monitor's own -------------------------
// Zeroed page; its guest-physical address is in `physical`. Null when the host has no memory.
u8* region_page(u64& physical);
u8* region_host(u64 physical);
void region_create();
void region_attach_slots();  // to a fresh VM over the same memory

// ---- guest-physical windows (window.cc) -------------------------------------------------------------
// Guest-physical address of `va`, with a memslot behind it; 0 when none can be had.
u64 window_physical(u64 va);
void windows_attach_slots();
constexpr u64 kWindowSize = 1ull << 30;

// ---- page tables (page_table.cc) ---------------------------------------------------------------------
void tables_create();
// Maps a page of the system region at `va` (above the arena).
void tables_map_system(u64 va, u64 physical, bool user, bool writable, bool executable);
void tables_unmap_system(u64 va);
// Sets the entries of [start, end) for `prot`. False when memory or guest-physical space ran out.
bool tables_fill(u64 start, u64 end, u8 prot);
// Rewrites present entries of [start, end) for `prot`; absent ones stay absent.
void tables_protect(u64 start, u64 end, u8 prot);
void tables_clear(u64 start, u64 end);
// 0 when absent.
u64 tables_entry(u64 va);
bool entry_allows(u64 entry, u64 fault_error);

// ---- shared helpers (map.cc) -----------------------------------------------------------------------
// Host protection for the guest's: never PROT_EXEC; whatever the guest may touch is readable.
int host_prot(int prot);
// Mappings up to this size get their entries at once, larger ones on first touch.
constexpr u64 kEagerFill = 2ull << 20;
void fill_eagerly(u64 start, u64 end, u8 prot);
// A free place for `length` bytes as mmap(NULL) chooses it, or 0.
u64 choose_place(u64 length, bool below_4g, u64 align);

}  // namespace barchan::mm

#endif
