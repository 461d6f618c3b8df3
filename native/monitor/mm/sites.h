// Purpose: patched call sites: `mov $nr,%eax; syscall` and `xor %eax,%eax; syscall` in a program's file-backed code, whose
//          first instruction becomes a jump to a trampoline that makes the call through the ring (docs/adr/0013-ring.md).
// Owner:   monitor/mm. Threads: any; under Space::lock, but for site_of(). Trust: addresses are GUEST values.
//
// The SYSCALL stays where it was, behind the jump: whatever comes to it, comes to a SYSCALL. Trampolines lie in
// the system region, mapped near the code for execution only; in the host, and to every system call, their addresses are
// a hole.
#ifndef BARCHAN_MONITOR_MM_SITES_H
#define BARCHAN_MONITOR_MM_SITES_H

#include "host/types.h"

namespace barchan::mm {

// Patches the site whose call `nr` goes back to `back`. False when it stays as it is.
bool patch_site(u64 back, u32 nr);

struct SiteCall {
  u32 nr;
  u64 back;
  bool clears_flags;  // by XOR, before its SYSCALL
};
// For an address in a trampoline: the call that it is about to make.
bool site_of(u64 rip, SiteCall& call);

// ---- within mm/, with Space::lock held ---------------------------------------------------------------
// Before the guest may see or write the code of [start, end), or it is moved: as it was.
void sites_restore(u64 start, u64 end);
// Before something is mapped at [start, end): trampolines there give way.
void sites_give_way(u64 start, u64 end);
// A page of trampolines that lost its entry gets it back. True when `page` is one.
bool sites_refill(u64 page);

}  // namespace barchan::mm

#endif
