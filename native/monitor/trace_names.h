// Purpose: names of the constants in calls (flags, operations, signals, errors) for the tracer.
// Owner:   monitor (tracer). Threads: any; constant data. Trust: values may be GUEST values.
#ifndef BARCHAN_MONITOR_TRACE_NAMES_H
#define BARCHAN_MONITOR_TRACE_NAMES_H

#include "host/string.h"
#include "host/types.h"

namespace barchan::trace {

// A set of names that FLAGS and ENUM arguments in syscalls.def refer to.
// clang-format off
enum class Set : u8 {
  NONE, ACCESS, AF, ARCH, AT, CLOCK, CLONE, CLOSE_RANGE, EFD, EPOLLCTL, FACCESSAT, FADV, FALLOC, FCNTL, FUTEX,
  GRND, INOTIFY, IOCTL, IPCCTL, IPCGET, ITIMER, LOCK, MADV, MAP, MCL, MEMBARRIER, MFD, MREMAP, MSG, MSYNC, OPEN,
  P, PRCTL, PRIO, PROT, RENAME, RLIMIT, RUSAGE, RWF, SCHED, SECCOMP, SEEK, SEM, SHMFLG, SHUT, SIGHOW, SIGNAL,
  SOCK, SOL, SPLICE, TIMER, UNLINKAT, WAIT, XATTR, COUNT,
};
// clang-format on

// The one name of `value` (32 bits), or the number when the set has none.
void put_enum(Text& out, Set set, u32 value);
// Names joined by |, what is left over in hexadecimal; the name of zero or 0 for nothing.
void put_flags(Text& out, Set set, u64 value);
// "ENOENT" and "No such file or directory"; null for an unknown error number.
const char* error_name(u32 error);
const char* error_text(u32 error);

}  // namespace barchan::trace

#endif
