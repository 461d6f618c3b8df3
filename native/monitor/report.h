// Purpose: the monitor's last words: one structured line on the report descriptor (or stderr), then exit.
// Owner:   monitor. Threads: any.
#ifndef BARCHAN_MONITOR_REPORT_H
#define BARCHAN_MONITOR_REPORT_H

#include "host/types.h"

namespace barchan {

// Host-caused failure at start: {"code":code,"errno":error,"what":what,"path":path} and exit `status`
// (abi/start.h). `error` is a positive errno or 0; `path` may be null.
[[noreturn]] void fail_start(const char* code, i64 error, const char* what, const char* path, int status);

// KVM refused: fail_start() with ERR_KVM_UNSUPPORTED, or ERR_SYSTEM when `error` says that a resource ran out.
[[noreturn]] void fail_kvm(i64 error, const char* what);

// A broken invariant of the monitor: {"code":"ERR_MONITOR_CRASH",...}, then exit_group(125).
[[noreturn]] void monitor_crash(const char* what, u64 a = 0, u64 b = 0);

// The first process of the program is about to die by `signo`, by its own doing: {"died":signo}.
void report_death(int signo);

// Descriptor for reports; set by start-up. Default 2.
void report_to(int fd);

}  // namespace barchan

#endif
