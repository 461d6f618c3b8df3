// The end of threads and processes, their robust lists, FS and GS bases.
#include <asm/prctl.h>

#include "host/uaccess.h"
#include "monitor/events/events.h"
#include "monitor/report.h"
#include "monitor/robust_list.h"
#include "monitor/syscalls/handlers.h"

namespace barchan {

i64 sys_exit(Thread& t, const Call& call) {
  robust_list_release(t);
  events::call_ends_process();
  thread_exit(t, static_cast<int>(call.arg[0]));
}

i64 sys_exit_group(Thread& t, const Call& call) {
  if (t.vforked) robust_list_release(t);
  thread_release_counters(t);
  events::call_ends_process();
  events::exited(static_cast<int>(call.arg[0]), 0);
  for (;;) host::call(__NR_exit_group, static_cast<int>(call.arg[0]));
}

// GUEST: the address is kept by the host, which writes a zero there at the thread's end.
i64 sys_set_tid_address(Thread&, const Call& call) {
  return host::call(__NR_set_tid_address, in_arena(call.arg[0], 4) ? call.arg[0] : 0);
}

i64 sys_set_robust_list(Thread& t, const Call& call) {
  if (call.arg[1] != kRobustHeadSize) return -EINVAL;
  robust_list_set(t, call.arg[0]);
  return 0;
}

i64 sys_get_robust_list(Thread& t, const Call& call) {
  const int pid = static_cast<int>(call.arg[0]);
  if (pid != 0 && pid != tid_of(t)) {
    u64 head, size;
    const i64 refused = host::call(__NR_get_robust_list, pid, &head, &size);
    return refused < 0 ? refused : -EPERM;  // it is kept in another thread or another monitor
  }
  const u64 size = kRobustHeadSize;
  if (write_guest(call.arg[2], size) < 0 || write_guest(call.arg[1], t.robust_list) < 0) return -EFAULT;
  return 0;
}

i64 sys_arch_prctl(Thread& t, const Call& call) {
  constexpr int kGetXcompSupported = 0x1021, kGetXcompPermitted = 0x1022;
  constexpr u64 kTaskSizeMax = 0x7ffffffff000;
  const u64 value = call.arg[1];
  u64 fs, gs;
  switch (static_cast<int>(call.arg[0])) {
    case ARCH_SET_FS:
    case ARCH_SET_GS: {
      if (value >= kTaskSizeMax) return -EPERM;
      const bool is_fs = static_cast<int>(call.arg[0]) == ARCH_SET_FS;
      const i64 result = kvm::set_segment_bases(*t.vcpu, is_fs ? &value : nullptr, is_fs ? nullptr : &value);
      if (result < 0) monitor_crash("segment base", static_cast<u64>(-result));
      return 0;
    }
    case ARCH_GET_FS:
    case ARCH_GET_GS:
      if (kvm::get_segment_bases(*t.vcpu, fs, gs) < 0) monitor_crash("segment base");
      return write_guest(value, static_cast<int>(call.arg[0]) == ARCH_GET_FS ? fs : gs);
    case ARCH_GET_CPUID: return 1;
    case ARCH_SET_CPUID: return value ? 0 : -ENODEV;
    case kGetXcompSupported:
    case kGetXcompPermitted: return write_guest(value, kvm::xsave_features());
    default: return -EINVAL;
  }
}

}  // namespace barchan
