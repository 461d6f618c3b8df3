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
  VmaList guards;  // MADV_GUARD_INSTALL: fault whatever their mapping allows; protection and flags are 0
  u64 reserve;     // host memory below the first stack, for it to grow into: [reserve, the stack's start)
  u32 lock_later;  // MLOCK_* of mappings to come, after mlockall(MCL_FUTURE); kLockLater when they are locked
  Layout layout;
  u64 brk_start, brk;
  bool seals;        // some mapping is or was sealed
  bool probe_files;  // some file-backed page failed: probe before filling entries of such mappings
};
extern Space space;
constexpr u32 kLockLater = 1u << 31;
// Linux 6.13; not in older headers.
constexpr int kMadvGuardInstall = 102, kMadvGuardRemove = 103;

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
// What one memslot covers. choose_layout() keeps a common program in one of them.
constexpr u64 kWindowPart = 256ull << 20;

// ---- page tables (page_table.cc) ---------------------------------------------------------------------
void tables_create();
// Maps a page of the system region at `va` (above the arena).
void tables_map_system(u64 va, u64 physical, bool user, bool writable, bool executable);
void tables_unmap_system(u64 va);
// Contract: mm::vcpu_tables().
bool tables_for_vcpu(u32 id, VcpuPages& pages);
// Sets the entries of [start, end) for `prot`. False when memory or guest-physical space ran out.
bool tables_fill(u64 start, u64 end, u8 prot);
// Rewrites present entries of [start, end) for `prot`; absent ones stay absent.
void tables_protect(u64 start, u64 end, u8 prot);
void tables_clear(u64 start, u64 end);
// 0 when absent.
u64 tables_entry(u64 va);
bool entry_allows(u64 entry, u64 fault_error);

// ---- guard pages (guard.cc) ---------------------------------------------------------------------------
// tables_fill() of what no guard page lies in.
bool fill_unguarded(u64 start, u64 end, u8 prot);
// The part of [start, end) around `address` without guard pages; false when it is one itself.
bool clip_to_guards(u64 address, u64& start, u64& end);
void guards_move(u64 from, u64 length, u64 to);
i64 advise_guards(u64 start, u64 end, int advice);

// ---- sealed mappings (seal.cc) ------------------------------------------------------------------------
// Some mapping in [start, end) is sealed.
bool any_sealed(u64 start, u64 end);
bool advice_breaks_seal(const Vma& v, int advice);

// ---- limits (limits.cc) -------------------------------------------------------------------------------
// Whether RLIMIT_AS and RLIMIT_DATA let the guest map `more` bytes with this protection and these flags instead of `less`
// bytes of mappings that they replace.
bool limits_allow(u64 more, u64 less, u8 prot, u16 flags);
bool limits_allow_break(u64 more, u64 break_size);
bool limits_allow_writing(const Vma& v, u64 bytes);
// Bytes of [start, end) that are mapped.
u64 mapped_bytes(u64 start, u64 end);
bool has_room();
// For a host mapping that changed in [start, end): what of it was the stack's reserve is no more.
void leave_reserve(u64 start, u64 end);
// mlockall(MCL_FUTURE): locks what has just been mapped. 0 or -errno.
i64 lock_new(u64 start, u64 end);

// ---- shared helpers (map.cc) -----------------------------------------------------------------------
// Host protection for the guest's: never PROT_EXEC; whatever the guest may touch is readable.
int host_prot(int prot);
// Mappings up to this size get their entries at once, larger ones on first touch.
constexpr u64 kEagerFill = 2ull << 20;
void fill_eagerly(u64 start, u64 end, u8 prot);
// The same for fresh memory that may be written from its start on (fault.cc): the first entries.
void fill_start(u64 start, u64 end, u8 prot);
// A free place for `length` bytes as mmap(NULL) chooses it, or 0.
u64 choose_place(u64 length, bool below_4g, u64 align);

}  // namespace barchan::mm

#endif
