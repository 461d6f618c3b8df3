// Purpose: keeps the monitor's own memory above the arena: the host kernel lays a process out at exec by its
//          personality and its soft RLIMIT_STACK.
// Owner:   monitor. Threads: the caller's process. Trust: the limit may be a GUEST value.
//
// With a huge stack limit the host's top-down mmap area starts in the lower part of the address space
// (arch/x86/mm/mmap.c, mmap_base), and with ADDR_COMPAT_LAYOUT it starts low and grows up. Either would put
// the monitor's mappings where the guest reaches them. So an exec of the monitor happens under a bounded
// limit, and
// the limit is put back afterwards.
#ifndef BARCHAN_MONITOR_HOST_LAYOUT_H
#define BARCHAN_MONITOR_HOST_LAYOUT_H

#include "host/types.h"

namespace barchan {

// Bit of personality(2) that stands for the guest's ADDR_NO_RANDOMIZE and means nothing to the host, which so goes on to
// randomize the monitor's own memory. It lives on over fork and exec.
constexpr u32 kKeptFixedLayout = 0x10000000;

// The soft RLIMIT_STACK now; lowers the host's if it is too high for an exec. 0 or -errno.
i64 stack_limit_bound(u64& soft);
// Puts `soft` back where stack_limit_bound() lowered it.
void stack_limit_restore(u64 soft);

// True when mappings of this process go above the arena.
bool layout_is_high();

// First start: drops personality flags that lay out or protect memory otherwise, and keeps ADDR_NO_RANDOMIZE for the
// guest alone. True when this process, or
// the next exec, is laid out well; false when it must exec itself again first. `again`: it did so already,
// and the limit that
// was lowered then is put back.
bool settle_layout(bool again);

}  // namespace barchan

#endif
