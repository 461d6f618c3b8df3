// Purpose: declares sys_<name>() for every CANON and EMULATE row of syscalls.def.
// Owner:   monitor. What a handler can rely on is in monitor/check.h and monitor/dispatch.h.
// Threads: handlers run on the guest thread that made the call.
// Trust:   descriptors and pointers of the kinds the row names are harmless; all else is GUEST.
#ifndef BARCHAN_MONITOR_SYSCALLS_HANDLERS_H
#define BARCHAN_MONITOR_SYSCALLS_HANDLERS_H

#include "monitor/dispatch.h"

namespace barchan {

#define CANON(nr, name, family, flags, args, status, note) i64 sys_##name(Thread& t, const Call& call);
#define EMULATE(nr, name, family, flags, args, status, note) i64 sys_##name(Thread& t, const Call& call);
#include "monitor/syscalls.def"

}  // namespace barchan

#endif
