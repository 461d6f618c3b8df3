// prctl(2): one case per option. What concerns the thread's or the process's standing with the host kernel is
// passed on; what would describe or change the monitor is answered for the guest; the rest is unknown (EINVAL),
// as on a kernel or a processor without the feature.
#include <linux/prctl.h>

#include "host/uaccess.h"
#include "monitor/syscalls/handlers.h"
#include "monitor/syscalls/seccomp.h"

namespace barchan {
namespace {

constexpr u64 kNameSize = 16;  // TASK_COMM_LEN

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
  u64 start = c.arg[2], size = c.arg[3], name = c.arg[4];
  if (size != 0 && !in_arena(start, size)) return -ENOMEM;
  if (name != 0 && !in_arena(name, 1)) return -EFAULT;
  return pass(c);
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
    case PR_CAP_AMBIENT: return pass(c);
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
    case PR_SET_MM:                             // describes the monitor's image
    case PR_SET_IO_FLUSHER:
    case PR_GET_IO_FLUSHER: return -EPERM;
    case PR_GET_SECCOMP: return t.seccomp_mode;
    case PR_SET_SECCOMP: return seccomp_prctl(t, c.arg[1], c.arg[2]);
  }
  return -EINVAL;
}

}  // namespace barchan
