// Purpose: the guest's address space: VMAs, page tables, memslots, kept in step with the host's
//          mappings. Guest virtual address == host virtual address in the arena.
// Owner:   monitor/mm. Threads: any; one lock inside. Trust: addresses and lengths are GUEST values and
//          are checked here; results are Linux results (0/address or -errno).
#ifndef BARCHAN_MONITOR_MM_MM_H
#define BARCHAN_MONITOR_MM_MM_H

#include "host/types.h"
#include "kvm/features.h"
#include "kvm/vm.h"

namespace barchan::mm {

// ---- start-up and process life ---------------------------------------------------------------
// What this host's KVM is like, for the monitor that this one becomes by exec.
struct HostFacts {
  kvm::FeaturesCopy features;
  u32 entry_mode;  // kvm::EntryMode; kUnknown: it has to learn it
  u32 ring_port, results_by_in;
};
void tell_host_facts(HostFacts& facts);

// Creates the VM, the system region and an empty arena with a fresh layout: random, or the same each time. `facts`: as told
// before an exec, or null.
void create(bool fixed_layout, const HostFacts* facts);
// A thread of another process that shared this memory is gone: if it held the lock, gives it free.
void abandon(u32 token);
// fork: lock before the host fork; both sides unlock; the child rebuilds its VM over the copied memory.
void lock_for_fork();
void unlock_after_fork_parent();
void rebuild_after_fork_child();
// Learns how SYSCALL arrives with a vCPU that has not run yet, unless create() was told.
void learn_entry_mode(kvm::Vcpu& vcpu);
kvm::Vm& vm();
// The page of vCPU number `id`, mapped for ring 0 at `va`. Null: no memory.
u8* vcpu_page(u32 id, u64& va);
// Page tables of a vCPU alone: as everybody's, but for pages of its own (abi/layout.h).
struct VcpuPages {
  u64 root;  // its top table
  u8 *ring, *answers;
};
// Those of vCPU `id`: the same each time. False: no memory, or `id` is too high.
bool vcpu_tables(u32 id, VcpuPages& pages);
// The page at BARCHAN_WATCH_VA, which all these share. Something else may be mapped over it. Pre: vcpu_tables() was true.
u8* watch_page();

// Where things go (random per exec, ASLR, unless the guest asked for ADDR_NO_RANDOMIZE). Page-aligned unless said
// otherwise.
struct Layout {
  bool fixed;       // no part is random
  u64 exe_base;     // for a PIE (ET_DYN) program
  u64 interp_base;  // hint for the interpreter; any mmap address is fine as well
  u64 stack_top;    // exclusive; the initial stack grows down from here
  u64 stack_size;   // mapped below stack_top
  u64 mmap_base;    // exclusive top of the area that mmap(NULL) uses, downwards
};
const Layout& layout();

// ---- what the loader uses (Linux results) ----------------------------------------------------
// mmap(2) with guest-visible semantics; MAP_FIXED, MAP_FIXED_NOREPLACE, hints, MAP_32BIT, MAP_GROWSDOWN.
// `fd` is a host descriptor, already checked for privacy. GUEST: address, length, offset.
i64 map(u64 address, u64 length, int prot, int flags, int fd, u64 offset);
i64 unmap(u64 address, u64 length);
i64 protect(u64 address, u64 length, int prot);
// Maps layout().stack_size bytes below layout().stack_top, `prot` with or without PROT_EXEC.
i64 map_stack(int prot);
// The stack's contents are made: the guest's mapping reaches as far below `sp` as Linux lets it at first.
void settle_stack(u64 sp);
// Moves the host's vdso and vvar into the arena. Returns the guest's AT_SYSINFO_EHDR, or 0 if there is none.
u64 map_vdso();
// The initial break is the page-aligned end of the program's image. brk(2) works on from there.
void set_brk_start(u64 address);

// ---- system calls (monitor/syscalls/mem.cc) ----------------------------------------------------
i64 brk(u64 address);
i64 remap(u64 old_address, u64 old_length, u64 new_length, int flags, u64 new_address);
i64 seal(u64 address, u64 length, u64 flags);
// remap_file_pages(2)
i64 remap_file(u64 address, u64 length, u64 prot, u64 page_offset, u64 flags);
i64 lock_all(int flags);
i64 unlock_all();
// madvise(2) with its effects on guest page tables.
i64 advise(u64 address, u64 length, int advice);
// shmat(2): maps at a place of our choice or at `address`.
i64 attach_shm(int id, u64 address, int flags);
i64 detach_shm(u64 address);

// ---- faults ------------------------------------------------------------------------------------
enum class Fault {
  kRetry,        // the page table was filled or grew: run again
  kMapError,     // SIGSEGV, SEGV_MAPERR
  kAccessError,  // SIGSEGV, SEGV_ACCERR
  kBus,          // SIGBUS, BUS_ADRERR (past the end of a file, failed host page)
  kTrapped,      // allowed, and a debugger wants to know (mm/debug.h)
};
// `error` is the #PF error code (SDM vol. 3A, 4.7).
Fault fault(u64 address, u64 error);
// Does the page of `address` have an entry in the guest's tables?
bool is_present(u64 address);
// KVM_RUN said EFAULT without an address: drop file-backed entries whose host page is gone, so that the
// guest faults with one. Returns false if there was nothing to drop (a monitor bug or host failure).
bool drop_failed_pages();

// ---- for showing (syscalls/proc_files.cc) ------------------------------------------------------
struct Mapping {
  u64 start, end;
  int prot;  // as the guest asked
  bool shared;
};
// The first mapping that ends above `address`; false when there is none.
bool next_mapping(u64 address, Mapping& mapping);
// [start, end) of the heap that brk(2) made.
void heap_range(u64& start, u64& end);

// Makes every vCPU of this VM forget its translations. Pre: the lock is held.
void flush_tlb();

}  // namespace barchan::mm

#endif
