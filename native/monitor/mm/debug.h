// Purpose: what a debugger does to memory: private breakpoints in code, writes past protections, pages whose use is told.
// Owner:   monitor/mm, for monitor/debug/. Threads: any; under Space::lock. Trust: addresses come from Node, which may pass
//          on GUEST values: all are checked. Without a debugger nothing here is in use.
//
// A breakpoint is INT3 in a private copy of its page, never in a file. A trapped or not yet covered page has less in the
// guest's page tables than its mapping allows; what the host does for the guest's calls does not see it.
#ifndef BARCHAN_MONITOR_MM_DEBUG_H
#define BARCHAN_MONITOR_MM_DEBUG_H

#include "abi/debug.h"
#include "host/types.h"

namespace barchan::mm {

// 0, -EFAULT: nothing is mapped there, -EACCES: a shared mapping, -EEXIST, -ENOSPC: there are too many.
i64 breakpoint_set(u64 address);
// 0 or -ENOENT.
i64 breakpoint_clear(u64 address);
bool breakpoint_at(u64 address);
// Puts into a copy of guest memory what is there without breakpoints.
void breakpoints_hide(u64 address, u8* bytes, u64 size);
// Whatever its mapping allows, but for shared ones that cannot be written. 0, -EFAULT or -EACCES; a part may be written.
i64 debug_write(u64 address, const u8* bytes, u64 size);

// While processes that are not debugged share this memory: as if nothing was set. Nests.
void debug_suspend();
void debug_continue();
// For good, as in a fork's child.
void debug_forget();

// The pages of [address, address + length): uses of these kinds (abi::DebugAccess) fault with Fault::kTrapped. 0, -EINVAL or
// -ENOSPC.
i64 traps_set(u64 address, u64 length, u32 kinds);
// Notes the first use of each page; 0 ends it and forgets. 0 or -ENOMEM.
i64 cover(u32 kinds);
// Noted pages with their kinds in the low bits, from the place `at` of the table, which becomes the next one or 0.
u32 covered(u64& at, u64* to, u32 most);

// [address, ...): the next mappings.
u32 debug_mappings(u64 address, abi::DebugMapping* to, u32 most);

// ---- within mm/, with Space::lock held -----------------------------------------------------------------
// Whether any page has less than its mapping allows.
extern bool limits_in_force;
// `prot` less what is to fault on the page of `va`.
u8 limited_prot(u64 va, u8 prot);
// A use that the mapping allows. True: it is trapped.
bool limits_trap(u64 page, u64 fault_error);
// Before the guest may write [start, end), or it goes elsewhere.
void breakpoints_leave(u64 start, u64 end);

}  // namespace barchan::mm

#endif
