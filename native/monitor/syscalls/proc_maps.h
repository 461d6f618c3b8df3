// Purpose: maps, smaps and numa_maps of guest processes without the monitor's own mappings, and with the
//          guest's protections, since the host's mappings of guest memory are never executable.
// Owner:   monitor/syscalls. Threads: any. Trust: the text is the kernel's; names in it are GUEST bytes.
#ifndef BARCHAN_MONITOR_SYSCALLS_PROC_MAPS_H
#define BARCHAN_MONITOR_SYSCALLS_PROC_MAPS_H

#include "host/types.h"

namespace barchan::files {

enum class MapsKind { kMaps, kSmaps, kNumaMaps };

// Writes the guest version of `from` to `to`. `own`: of this address space, whose protections are known here;
// for another guest process the host's are shown. 0 or -errno.
i64 rewrite_maps(int from, int to, MapsKind kind, bool own);

}  // namespace barchan::files

#endif
