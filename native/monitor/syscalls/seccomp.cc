// seccomp(2): arguments and permissions. Filters are kept and run by monitor/seccomp.cc.
#include "monitor/syscalls/seccomp.h"

#include <linux/capability.h>
#include <linux/prctl.h>
#include <linux/seccomp.h>

#include "host/uaccess.h"
#include "monitor/answers/answers.h"
#include "monitor/scratch.h"
#include "monitor/seccomp.h"
#include "monitor/seccomp_filter.h"
#include "monitor/syscalls/handlers.h"

namespace barchan {
namespace {

constexpr u64 kKnownFlags = SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_LOG |
                            SECCOMP_FILTER_FLAG_SPEC_ALLOW | SECCOMP_FILTER_FLAG_TSYNC_ESRCH;

bool has_admin_capability() {
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {};
  if (host::call(__NR_capget, &header, data) != 0) return false;
  return (data[0].effective & (1u << CAP_SYS_ADMIN)) != 0;
}

bool may_install() {
  return host::call(__NR_prctl, PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 || has_admin_capability();
}

bool may_assign(const Thread& t, u32 mode) {
  return t.seccomp_mode == SECCOMP_MODE_DISABLED || t.seccomp_mode == mode;
}

i64 set_strict(Thread& t) {
  if (!may_assign(t, SECCOMP_MODE_STRICT)) return -EINVAL;
  t.seccomp_mode = SECCOMP_MODE_STRICT;
  answers::withdraw(t);
  return 0;
}

// SECCOMP_FILTER_FLAG_NEW_LISTENER is unknown, as before Linux 5.0.
i64 set_filter(Thread& t, u64 flags, u64 address) {
  if (flags & ~kKnownFlags) return -EINVAL;
  sock_fprog wanted;
  if (read_guest(wanted, address) != 0) return -EFAULT;
  if (wanted.len == 0 || wanted.len > kFilterLengthMaximum || wanted.filter == nullptr) return -EINVAL;
  if (!may_install()) return -EACCES;
  u64 bytes = wanted.len * sizeof(sock_filter);
  Scratch<1024> scratch;
  sock_filter* program = static_cast<sock_filter*>(scratch.get(bytes));
  if (program == nullptr) return -ENOMEM;
  if (copy_from_guest(program, reinterpret_cast<u64>(wanted.filter), bytes) != 0) return -EFAULT;
  if (!may_assign(t, SECCOMP_MODE_FILTER)) return -EINVAL;
  if (!(flags & SECCOMP_FILTER_FLAG_TSYNC)) return seccomp_install(t, program, wanted.len);
  i64 result = seccomp_install_all(t, program, wanted.len);
  return result > 0 && (flags & SECCOMP_FILTER_FLAG_TSYNC_ESRCH) ? -ESRCH : result;
}

i64 action_available(u64 flags, u64 address) {
  if (flags != 0) return -EINVAL;
  u32 action;
  if (read_guest(action, address) != 0) return -EFAULT;
  switch (action) {
    case SECCOMP_RET_KILL_PROCESS:
    case SECCOMP_RET_KILL_THREAD:
    case SECCOMP_RET_TRAP:
    case SECCOMP_RET_ERRNO:
    case SECCOMP_RET_TRACE:
    case SECCOMP_RET_LOG:
    case SECCOMP_RET_ALLOW: return 0;
  }
  return -EOPNOTSUPP;
}

}  // namespace

i64 seccomp_prctl(Thread& t, u64 mode, u64 filter) {
  if (mode == SECCOMP_MODE_STRICT) return set_strict(t);
  if (mode == SECCOMP_MODE_FILTER) return set_filter(t, 0, filter);
  return -EINVAL;
}

i64 sys_seccomp(Thread& t, const Call& c) {
  u64 flags = static_cast<u32>(c.arg[1]);
  switch (static_cast<u32>(c.arg[0])) {
    case SECCOMP_SET_MODE_STRICT: return flags == 0 && c.arg[2] == 0 ? set_strict(t) : -EINVAL;
    case SECCOMP_SET_MODE_FILTER: return set_filter(t, flags, c.arg[2]);
    case SECCOMP_GET_ACTION_AVAIL: return action_available(flags, c.arg[2]);
  }
  return -EINVAL;
}

}  // namespace barchan
