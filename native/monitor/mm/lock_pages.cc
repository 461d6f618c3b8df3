// mlockall(2) and munlockall(2) for the guest's mappings alone: the host's would lock the monitor's as well.
#include <linux/capability.h>
#include <linux/mman.h>
#include <linux/resource.h>

#include "host/syscall.h"
#include "monitor/mm/space.h"

namespace barchan::mm {
namespace {

bool may_lock_any() {
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};
  return host::call(__NR_capget, &header, data) == 0 && data[0].effective & 1u << CAP_IPC_LOCK;
}

}  // namespace

i64 lock_all(int flags) {
  constexpr int kKnown = MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT;
  if (flags == 0 || flags & ~kKnown || flags == MCL_ONFAULT) return -EINVAL;
  rlimit64 limit = {};
  host::call(__NR_prlimit64, 0, RLIMIT_MEMLOCK, nullptr, &limit);
  const bool any = may_lock_any();
  if (!any && limit.rlim_cur == 0) return -EPERM;
  SpaceGuard guard;
  if (flags & MCL_CURRENT && !any &&
      mapped_bytes(BARCHAN_ARENA_START, BARCHAN_ARENA_TOP) > page_down(limit.rlim_cur))
    return -ENOMEM;
  const u32 how = flags & MCL_ONFAULT ? MLOCK_ONFAULT : 0;
  space.lock_later = flags & MCL_FUTURE ? kLockLater | how : 0;
  if (!(flags & MCL_CURRENT)) return 0;
  // Linux reports no mapping whose pages cannot be had.
  for (u32 i = 0; i < space.vmas.count(); i++) {
    const Vma& v = space.vmas.at(i);
    host::call(__NR_mlock2, v.start, v.end - v.start, how);
  }
  return 0;
}

i64 unlock_all() {
  SpaceGuard guard;
  space.lock_later = 0;
  for (u32 i = 0; i < space.vmas.count(); i++) {
    const Vma& v = space.vmas.at(i);
    host::call(__NR_munlock, v.start, v.end - v.start);
  }
  return 0;
}

i64 lock_new(u64 start, u64 end) {
  if (!(space.lock_later & kLockLater)) return 0;
  // Without touching pages it fails by the limit only; that pages cannot be had is no error.
  if (host::call(__NR_mlock2, start, end - start, MLOCK_ONFAULT) < 0) return -EAGAIN;
  if (!(space.lock_later & MLOCK_ONFAULT)) host::call(__NR_mlock2, start, end - start, 0);
  return 0;
}

}  // namespace barchan::mm
