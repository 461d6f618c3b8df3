// Purpose: open files for the guest: what openat(2) and openat2(2) share (open(2) and creat(2) come
//          as openat).
// Owner:   monitor/syscalls. Threads: any. Trust: every field of OpenRequest is a GUEST value.
#ifndef BARCHAN_MONITOR_SYSCALLS_OPEN_H
#define BARCHAN_MONITOR_SYSCALLS_OPEN_H

#include "monitor/syscalls/paths.h"

namespace barchan::files {

struct OpenRequest {
  int directory;
  u64 flags;
  u64 mode;
  u64 resolve;  // openat2(2)
  bool strict;  // openat2: unknown flags are errors, so the host gets them by openat2 too
};

// Opens and checks; a new descriptor within the guest's limit, -errno or host::kRestart. Changes `path`.
// What it does beyond the host's open: /dev/kvm gives -EACCES, a private descriptor's link -ENOENT, procfs `mem`
// of another process -EACCES and of this one a stand-in (proc_mem.h), a magic link to the monitor's image the guest's program, some procfs files their guest version.
i64 open_for_guest(Thread& t, const OpenRequest& request, GuestPath& path);

}  // namespace barchan::files

#endif
