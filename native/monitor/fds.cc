#include "monitor/fds.h"

#include <linux/close_range.h>
#include <linux/fcntl.h>
#include <linux/resource.h>

#include "host/string.h"
#include "host/syscall.h"
#include "monitor/report.h"
#include "monitor/thread.h"

namespace barchan {

host::SharedMutex fd_lock;

namespace {

// At first start, by abi/start.h.
constexpr int kStartKvm = 3, kStartBlob = 4, kStartImage = 5, kStartExtra = 6;
constexpr int kGuestFirst = 3;  // where the extra descriptors end up

// The fd table of every guest process reaches to its base, and fork copies it, so the base is not simply
// as high as the hard limit allows. A guest that is used to 1024 may still raise its own limit to kUsualBase.
constexpr u64 kUsualBase = 4096, kGreatestBase = 16384;
constexpr u64 kVcpuRoom = 4096;  // one descriptor per vCPU
constexpr u64 kFullRoom = kPrivateFixed + 8 + kVcpuRoom;
constexpr u64 kLeastRoom = 24;          // the fixed ones, a VM, some threads, a few in passing
constexpr u64 kNrOpenMax = 0x7fffffc0;  // more than the kernel's fs.nr_open can be

struct Limits {  // the kernel's struct rlimit64
  u64 soft, hard;
};

u32 base;
// The highest number that fd_duplicate() gave. Kernels as of 6.1 look at every number in a range that they close.
u32 highest;
Limits limits;
// rlimits belong to a process, but a vfork child shares this memory with its parent: its own limits lie here.
struct {
  int tid;
  Limits limits;
} vfork_limits;

Limits& limits_here() {
  if (vfork_limits.tid != 0) {
    Thread& t = current();
    if (t.vforked && vfork_limits.tid == tid_of(t)) return vfork_limits.limits;
  }
  return limits;
}

// Chooses the base and raises the host's soft limit above it as far as is useful.
FdsError reserve_numbers() {
  Limits host;
  i64 r = host::call(__NR_prlimit64, 0, RLIMIT_NOFILE, nullptr, &host);
  if (r < 0) return {-r, "cannot read the limit on open files"};
  u64 hard = min(host.hard, kNrOpenMax);
  u64 wanted = min(max(host.soft, kUsualBase), kGreatestBase);
  u64 room = min(kFullRoom, max(hard / 4, kLeastRoom));
  if (hard < kMinFdBase + room) return {EMFILE, "the hard limit on open files (RLIMIT_NOFILE) is too low"};
  u64 chosen = min(wanted, hard - room);
  Limits raised = {min(hard, max(host.soft, chosen + kFullRoom)), host.hard};
  r = host::call(__NR_prlimit64, 0, RLIMIT_NOFILE, &raised, nullptr);
  if (r < 0) return {-r, "cannot raise the limit on open files"};
  base = static_cast<u32>(chosen);
  limits = {min<u64>(host.soft, base), min<u64>(host.hard, base)};
  return {};
}

bool is_open(int fd) { return host::call(__NR_fcntl, fd, F_GETFD, 0) >= 0; }

i64 park(int from, PrivateFd to) { return host::call(__NR_dup3, from, private_fd(to), 0); }

void close_from(u32 first, u32 last) {
  if (first <= last) host::call(__NR_close_range, first, last, 0);
}

}  // namespace

u32 fd_base() { return base; }

FdsError fds_start(u32 extra, const u32* numbers, const StartFds& given) {
  const auto [trace, report, policy, intercept, counters, breach, events, chaos, debug] = given;
  if (FdsError e = reserve_numbers(); e.error != 0) return e;
  u32 end = kStartExtra + extra;  // of what is the guest's
  if (end > base) return {EMFILE, "more descriptors are passed on than the limit on open files allows"};
  if (!is_open(kStartKvm) || !is_open(kStartBlob) || !is_open(kStartImage))
    return {EBADF, "descriptors 3, 4 and 5 must be /dev/kvm, the configuration and the monitor's image"};
  for (u32 fd = kStartExtra; fd < end; fd++) {
    if (!is_open(static_cast<int>(fd))) return {EBADF, "fewer descriptors are open than are to be passed on"};
  }
  if (numbers && extra != 0 && numbers[extra - 1] >= base)
    return {EMFILE, "a descriptor is passed on under a number past the limit on open files"};
  // The numbers that are about to be taken must not be in use by what is still needed.
  auto usable = [&](int fd) {
    return fd == -1 || (is_open(fd) && (fd <= 2 || (fd >= static_cast<int>(end) && !is_private(fd))));
  };
  if (!usable(trace)) return {EBADF, "the trace descriptor is not open or has an impossible number"};
  if (!usable(report)) return {EBADF, "the report descriptor is not open or has an impossible number"};
  if (!usable(policy)) return {EBADF, "the policy's descriptor is not open or has an impossible number"};
  if (!usable(intercept))
    return {EBADF, "the socket of intercepted calls is not open or has an impossible number"};
  if (!usable(counters)) return {EBADF, "the counters' descriptor is not open or has an impossible number"};
  if (!usable(breach)) return {EBADF, "the supervisor's socket is not open or has an impossible number"};
  if (!usable(debug)) return {EBADF, "the debugger's socket is not open or has an impossible number"};
  if (!usable(events) || (events != -1 && !usable(events + 1)))
    return {EBADF, "the descriptors for events are not open or have impossible numbers"};
  if (!usable(chaos)) return {EBADF, "the chaos rules' descriptor is not open or has an impossible number"};

  close_from(base, ~u32{0});
  i64 r = park(kStartKvm, kFdKvm);
  if (r >= 0) r = park(kStartBlob, kFdStart);
  if (r >= 0) r = park(kStartImage, kFdImage);
  if (r >= 0 && trace >= 0) r = park(trace, kFdTrace);
  if (r >= 0 && report > 2) r = park(report, kFdReport);
  if (r >= 0 && policy >= 0) r = park(policy, kFdPolicy);
  if (r >= 0 && intercept >= 0) r = park(intercept, kFdIntercept);
  if (r >= 0 && counters >= 0) r = park(counters, kFdCounters);
  if (r >= 0 && breach >= 0) r = park(breach, kFdBreach);
  if (r >= 0 && events >= 0) r = park(events, kFdEvents);
  if (r >= 0 && events >= 0) r = park(events + 1, kFdEventWake);
  if (r >= 0 && chaos >= 0) r = park(chaos, kFdChaos);
  if (r >= 0 && debug >= 0) r = park(debug, kFdDebug);
  // Out of the way first: the new numbers may be among the old ones.
  const u32 aside = base + kPrivateFixed;
  for (u32 i = 0; r >= 0 && i < extra; i++) r = host::call(__NR_dup3, kStartExtra + i, aside + i, 0);
  if (r >= 0 && report >= 0) report_to(report > 2 ? private_fd(kFdReport) : report);
  close_from(kGuestFirst, base - 1);
  for (u32 i = 0; r >= 0 && i < extra; i++)
    r = host::call(__NR_dup3, aside + i, numbers ? numbers[i] : kGuestFirst + i, 0);
  close_from(aside, ~u32{0});
  if (r < 0) return {-r, "cannot set the descriptors up"};
  return {};
}

void fds_limit(u64 soft, u64 hard) { limits = {min(soft, limits.hard), min(hard, limits.hard)}; }

void fds_resume(u32 image, u64 soft, u64 hard) {
  base = image;
  limits = {soft, hard};
  if (is_open(private_fd(kFdReport))) report_to(private_fd(kFdReport));
}

bool fd_lock_shared(Thread& t) {
  return t.own_table || fd_lock.lock_shared([&t](u32* word, u32 seen) {
    t.host(__NR_futex, word, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, seen, nullptr);
    return t.pending == 0;
  });
}

void fd_unlock_shared(const Thread& t) {
  if (!t.own_table) fd_lock.unlock_shared();
}

void fds_fork_child(bool was_alone) {
  // Beside other threads anything may have been open for a moment, a descriptor of the guest's past its limit among them.
  close_from(base + kPrivateFixed, was_alone ? __atomic_load_n(&highest, __ATOMIC_RELAXED) : ~u32{0});
}

i64 fd_duplicate(int fd, bool kept_by_exec) {
  const i64 made = host::call(__NR_fcntl, fd, kept_by_exec ? F_DUPFD : F_DUPFD_CLOEXEC, base + kPrivateFixed);
  for (u32 seen = __atomic_load_n(&highest, __ATOMIC_RELAXED); made > static_cast<i64>(seen);) {
    if (__atomic_compare_exchange_n(&highest, &seen, static_cast<u32>(made), false, __ATOMIC_RELAXED,
                                    __ATOMIC_RELAXED))
      break;
  }
  return made;
}

i64 fd_hide(int fd) {
  i64 hidden = fd_duplicate(fd, false);
  host::call(__NR_close, fd);
  return hidden == -EINVAL ? -EMFILE : hidden;  // EINVAL: the base is at the host's limit
}

i64 fd_created(i64 result) {
  if (result < 0) return result;
  if (static_cast<u64>(result) < limits_here().soft && !is_private(static_cast<int>(result))) return result;
  host::call(__NR_close, result);
  return -EMFILE;
}

u64 fd_soft_limit() { return limits_here().soft; }
u64 fd_hard_limit() { return limits_here().hard; }

i64 fd_set_limit(u64 soft, u64 hard) {
  if (soft > hard) return -EINVAL;
  if (hard > limits_here().hard) return -EPERM;
  Thread& t = current();
  if (t.vforked && vfork_limits.tid != tid_of(t)) vfork_limits = {tid_of(t), limits};
  limits_here() = {soft, hard};
  return 0;
}

}  // namespace barchan
