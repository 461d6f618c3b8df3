// Purpose: maps, smaps, smaps_rollup and numa_maps of guest processes without the monitor's own mappings, and with the
//          guest's protections, since the host's mappings of guest memory are never executable.
// Owner:   monitor/syscalls. Threads: any. Trust: the text is the kernel's; names in it are GUEST bytes.
#ifndef BARCHAN_MONITOR_SYSCALLS_PROC_MAPS_H
#define BARCHAN_MONITOR_SYSCALLS_PROC_MAPS_H

#include "host/types.h"

namespace barchan::files {

enum class MapsKind { kMaps, kSmaps, kNumaMaps };

// Writes the guest version of `from`, which is the file `path` of procfs, to `to`. `own`: of this address space, whose protections are known here;
// for another guest process the host's are shown. 0 or -errno.
i64 rewrite_maps(int from, int to, MapsKind kind, const char* path, bool own);

// The kernel's page of old time calls, which it lists for every process and the gate has for the guest (vsyscall.h).
constexpr u64 kVsyscallPage = 0xffffffffff600000;

// The head of one mapping as the kernel prints it: "start-end perms offset dev inode   name".
struct MapsLine {
  u64 start, end, offset;
  char perms[4];
  const char* rest;  // from " dev" on

  const char* name() const;
};
bool parse_maps_line(const char* text, MapsLine& line);

}  // namespace barchan::files

#endif
