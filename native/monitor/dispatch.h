// Purpose: from a system-call number to its handler, by the table syscalls.def.
// Owner:   monitor. Threads: any. Trust: `call` is a private copy of GUEST registers.
#ifndef BARCHAN_MONITOR_DISPATCH_H
#define BARCHAN_MONITOR_DISPATCH_H

#include "monitor/thread.h"

namespace barchan {

// Linux's result of the call: a value, -errno, or host::kRestart. Arguments declared in the table are
// checked (descriptor privacy, pointers in the arena) before a handler sees them; nested structures
// are copied and checked by the handler. Unknown numbers: -ENOSYS.
i64 dispatch(Thread& t, const Call& call);

// Handlers have this type and the name sys_<name>; they live in syscalls/<family>.cc.
using Handler = i64 (*)(Thread& t, const Call& call);

}  // namespace barchan

#endif
