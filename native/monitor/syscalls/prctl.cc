// prctl(2): one case per option. What concerns the thread's or the process's standing with the host kernel is
// passed on; what would describe or change the monitor is answered for the guest; the rest is unknown (EINVAL),
// as on a kernel or a processor without the feature.
#include <linux/prctl.h>

#include "host/uaccess.h"
#include "monitor/check.h"
#include "monitor/mm/write_execute.h"
#include "monitor/syscalls/handlers.h"
#include "monitor/syscalls/seccomp.h"

namespace barchan {
namespace {

constexpr u64 kNameSize = 16;  // TASK_COMM_LEN

// Newer than the oldest headers that this is built with; the host says whether it has them.
enum : u32 {
  kSetMdwe = 65,
  kGetMdwe = 66,
  kSetMemoryMerge = 67,
  kGetMemoryMerge = 68,
  kTimerCreateRestoreIds = 77,
  kFutexHash = 78,
  kGetAuxv = 0x41555856,
};

i64 pass(const Call& c) {
  return host::call(__NR_prctl, static_cast<u32>(c.arg[0]), c.arg[1], c.arg[2], c.arg[3], c.arg[4]);
}

// Options that write an int at argument 2.
i64 pass_int(const Call& c) {
  i32 value = 0;
  i64 error = host::call(__NR_prctl, static_cast<u32>(c.arg[0]), &value, c.arg[2], c.arg[3], c.arg[4]);
  return error != 0 ? error : write_guest(c.arg[1], value);
}

i64 set_name(u64 address) {
  char name[kNameSize] = {};
  // The kernel reads up to the NUL, 15 bytes at most.
  for (u64 i = 0; i < kNameSize - 1; i++) {
    if (copy_from_guest(&name[i], address + i, 1) != 0) return -EFAULT;
    if (name[i] == 0) break;
  }
  return host::call(__NR_prctl, PR_SET_NAME, name);
}

i64 get_name(u64 address) {
  char name[kNameSize] = {};
  i64 error = host::call(__NR_prctl, PR_GET_NAME, name);
  return error != 0 ? error : copy_to_guest(address, name, sizeof name);
}

// The host has the guest's own address (set_tid_address, clone).
i64 get_tid_address(u64 address) {
  u64 where = 0;
  i64 error = host::call(__NR_prctl, PR_GET_TID_ADDRESS, &where, 0, 0, 0);
  return error != 0 ? error : write_guest(address, where);
}

// PR_SET_VMA_ANON_NAME: a label for /proc/PID/maps.
i64 set_vma(const Call& c) {
  if (c.arg[1] != PR_SET_VMA_ANON_NAME) return -EINVAL;
  constexpr u64 kLongest = 80;
  u64 size = c.arg[3];
  const u64 start = check::range(c.arg[2], size);
  return host::call(__NR_prctl, PR_SET_VMA, PR_SET_VMA_ANON_NAME, start, size,
                    check::pointer(c.arg[4], kLongest, true));
}

// What the program was started with, which the host has been told (image/identity.cc).
i64 get_auxv(const Call& c) {
  constexpr u64 kLongest = 1024;
  u8 words[kLongest];
  const u64 size = min(c.arg[2], kLongest);
  const i64 all = host::call(__NR_prctl, kGetAuxv, words, size, c.arg[3], c.arg[4]);
  if (all < 0) return all;
  return copy_to_guest(c.arg[1], words, min(size, static_cast<u64>(all))) != 0 ? -EFAULT : all;
}

// The host keeps the bits for the memory, over fork and exec; its own mappings are never executable, so that it has nothing
// to refuse, and the gate refuses by them.
i64 set_mdwe(const Call& c) {
  const i64 result = pass(c);
  if (result == 0) __atomic_store_n(&mm::refused_gains, static_cast<u32>(c.arg[1]), __ATOMIC_RELAXED);
  return result;
}

// Cookies for core scheduling; only PR_SCHED_CORE_GET has a pointer.
i64 core_scheduling(const Call& c) {
  u64 cookie = 0;
  const bool gets = c.arg[1] == PR_SCHED_CORE_GET;
  const u64 to = gets && c.arg[4] % sizeof cookie == 0 ? host::word(&cookie) : c.arg[4] != 0;
  const i64 result = host::call(__NR_prctl, PR_SCHED_CORE, c.arg[1], c.arg[2], c.arg[3], to);
  return result == 0 && gets ? write_guest(c.arg[4], cookie) : result;
}

// The processor's speculation controls belong to the host thread, not to guest mode: the state can be read, and
// is not to be set per thread.
i64 get_speculation(const Call& c) {
  i64 state = pass(c);
  return state < 0 ? state : state & ~static_cast<i64>(PR_SPEC_PRCTL);
}

}  // namespace

i64 sys_prctl(Thread& t, const Call& c) {
  switch (static_cast<u32>(c.arg[0])) {
    case PR_SET_PDEATHSIG:
    case PR_GET_DUMPABLE:
    case PR_SET_DUMPABLE:
    case PR_GET_KEEPCAPS:
    case PR_SET_KEEPCAPS:
    case PR_GET_TIMING:
    case PR_SET_TIMING:
    case PR_CAPBSET_READ:
    case PR_CAPBSET_DROP:
    case PR_GET_SECUREBITS:
    case PR_SET_SECUREBITS:
    case PR_GET_TIMERSLACK:
    case PR_SET_TIMERSLACK:
    case PR_MCE_KILL:
    case PR_MCE_KILL_GET:
    case PR_SET_CHILD_SUBREAPER:
    case PR_SET_NO_NEW_PRIVS:
    case PR_GET_NO_NEW_PRIVS:
    case PR_GET_THP_DISABLE:
    case PR_SET_THP_DISABLE:
    case PR_CAP_AMBIENT:
    case PR_SET_IO_FLUSHER:
    case PR_GET_IO_FLUSHER:
    case kGetMdwe:
    case kSetMemoryMerge:
    case kGetMemoryMerge:
    case kTimerCreateRestoreIds:
    case kFutexHash: return pass(c);
    case kSetMdwe: return set_mdwe(c);
    case kGetAuxv: return get_auxv(c);
    case PR_SCHED_CORE: return core_scheduling(c);
    // Nobody may trace a guest: as a kernel without Yama. The host is not asked, since it would let others trace monitors.
    case PR_SET_PTRACER: return -EINVAL;
    case PR_GET_PDEATHSIG:
    case PR_GET_CHILD_SUBREAPER: return pass_int(c);
    case PR_SET_NAME: return set_name(c.arg[1]);
    case PR_GET_NAME: return get_name(c.arg[1]);
    case PR_GET_TSC: return write_guest(c.arg[1], static_cast<i32>(PR_TSC_ENABLE));
    case PR_SET_TSC: return c.arg[1] == PR_TSC_ENABLE ? 0 : -EINVAL;
    case PR_GET_TID_ADDRESS: return get_tid_address(c.arg[1]);
    case PR_GET_SPECULATION_CTRL: return get_speculation(c);
    case PR_SET_SPECULATION_CTRL: return -ENXIO;
    case PR_SET_VMA: return set_vma(c);
    case PR_TASK_PERF_EVENTS_DISABLE:
    case PR_TASK_PERF_EVENTS_ENABLE: return 0;  // perf_event_open is denied: there are none
    case PR_SET_MM: return -EPERM;              // describes the monitor's image
    case PR_GET_SECCOMP: return t.seccomp_mode;
    case PR_SET_SECCOMP: return seccomp_prctl(t, c.arg[1], c.arg[2]);
  }
  return -EINVAL;
}

}  // namespace barchan
