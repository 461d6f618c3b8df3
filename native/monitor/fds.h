// Purpose: descriptors of the monitor that the guest must neither see nor touch.
// Owner:   monitor. Threads: any.
//
// The guest's numbers are [0, base), the private ones [base, base + n). The guest's RLIMIT_NOFILE is
// kept here; the host's soft limit is higher, so calls that create descriptors pass through
// fd_created(), which closes a descriptor at or past the guest's limit and returns -EMFILE.
#ifndef BARCHAN_MONITOR_FDS_H
#define BARCHAN_MONITOR_FDS_H

#include "host/lock.h"
#include "host/types.h"

namespace barchan {

struct Thread;

enum PrivateFd : u32 {  // offsets from the base
  kFdImage,             // the monitor's executable
  kFdKvm,
  kFdStart,       // StartBlob
  kFdExecState,   // pipe, written before an exec
  kFdProgram,     // the guest's executable
  kFdTrace,       // or closed
  kFdReport,      // or closed
  kFdPolicy,      // abi/policy.h, or closed
  kFdIntercept,   // abi/intercept.h, or closed
  kFdCounters,    // abi/counters.h, or closed
  kFdEvents,      // abi/events.h, or closed
  kFdEventWake,   // the eventfd that wakes its reader
  kFdBreach,      // to the supervisor, closed before the guest runs (monitor/confine.h)
  kFdChaos,       // abi/chaos.h, or closed
  kFdDebug,       // abi/debug.h, or closed
  kPrivateFixed,  // VM and vCPU descriptors follow, anywhere above
};

// The base is never lower than this, so that a small number in AT_EXECFN's "/dev/fd/N" is a first start.
constexpr u32 kMinFdBase = 64;

// What fds_start() could not do: an errno and the sentence for the report.
struct FdsError {
  i64 error = 0;
  const char* what = nullptr;
};

// Parks the descriptors of a first start (abi/start.h), moves `extra` descriptors from 6 on to 3, 4, ... or to
// `numbers` (ascending, from 3), closes every other one. 0..2 stay the guest's as well (a trace is then duplicated, a report
// shares the guest's number). Pre: single-threaded.
struct StartFds {  // numbers at start, or -1
  int trace, report, policy, intercept, counters, breach;
  int events;  // two, one after the other
  int chaos;
  int debug;
};
FdsError fds_start(u32 extra, const u32* numbers, const StartFds& given);
// Lowers the guest's limits at first start. Pre: fds_start(), soft <= hard.
void fds_limit(u64 soft, u64 hard);
// After exec: takes the base from the image's number, the guest's limits from the monitor before.
void fds_resume(u32 base, u64 soft, u64 hard);

u32 fd_base();
inline int private_fd(PrivateFd which) { return static_cast<int>(fd_base() + which); }
// GUEST: any 32-bit value; negative numbers (AT_FDCWD, -1) are not private.
inline bool is_private(int fd) { return fd >= 0 && static_cast<u32>(fd) >= fd_base(); }

// A private copy of a descriptor, behind the fixed ones; close-on-exec unless `kept_by_exec`. Its number or -errno. Every
// private number but the fixed ones comes from here, so that a fork's child knows how far it has to close.
i64 fd_duplicate(int fd, bool kept_by_exec);

// Moves a fresh descriptor of the monitor out of the guest's range (close-on-exec). Returns the new number
// or -errno. Pre: fd_lock held exclusively when other guest threads may run.
i64 fd_hide(int fd);

// In a fork's child: closes every private descriptor that is not one of the fixed ones: the parent's VM and vCPUs, and
// what its other threads had open in passing when it forked, unless it had none (`was_alone`).
void fds_fork_child(bool was_alone);

// Held shared by calls that could hit a number while the monitor creates a descriptor on it: close,
// dup2/dup3, close_range, dup, F_DUPFD, mmap of a descriptor, SCM_RIGHTS, clone without CLONE_FILES,
// unshare, exec. Held exclusively around creating and hiding. See docs/adr/0002-private-descriptors.md.
extern host::SharedMutex fd_lock;
// Takes it shared for a call of the guest's. False when a signal was captured first: the call is made again after its
// handler (host::kRestart), which so does not wait for another thread's exec.
bool fd_lock_shared(Thread& t);
void fd_unlock_shared(const Thread& t);

// Passes a result of a call that creates a descriptor: -EMFILE (and closed) when past the guest's limit.
i64 fd_created(i64 result);
// The guest's RLIMIT_NOFILE soft and hard limits: neither exceeds fd_base(), which is what the guest can use.
u64 fd_soft_limit();
u64 fd_hard_limit();
// setrlimit/prlimit of RLIMIT_NOFILE by the guest: 0 or -errno. The hard limit only goes down (-EPERM). The
// host's own limits stay, they are the private descriptors' room.
i64 fd_set_limit(u64 soft, u64 hard);

}  // namespace barchan

#endif
