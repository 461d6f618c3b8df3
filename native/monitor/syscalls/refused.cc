// Calls that never succeed here, with the errors that Linux notices before it refuses: ptrace(2), setns(2), pidfd_getfd(2).
#include <asm/statfs.h>
#include <linux/ptrace.h>

#include "monitor/syscalls/handlers.h"

namespace barchan {

// Nobody is traced, so all but the requests that begin to trace find no such tracee.
i64 sys_ptrace(Thread&, const Call& c) {
  const u64 request = c.arg[0];
  const i32 pid = static_cast<i32>(c.arg[1]);
  if (request == PTRACE_TRACEME) return -EPERM;
  if (request != PTRACE_ATTACH && request != PTRACE_SEIZE) return -ESRCH;
  return pid <= 0 || host::call(__NR_kill, pid, 0) == -ESRCH ? -ESRCH : -EPERM;
}

i64 sys_setns(Thread&, const Call& c) {
  constexpr u64 kNamespaceFs = 0x6e736673,
                kProcessFs = 0x50494446;  // NSFS_MAGIC, PIDFS_MAGIC (linux/magic.h)
  struct statfs fs;
  if (const i64 error = host::call(__NR_fstatfs, c.arg[0], &fs); error < 0) return error;
  const u64 type = static_cast<u64>(fs.f_type);
  return type == kNamespaceFs || type == kProcessFs ? -EPERM : -EINVAL;
}

i64 sys_pidfd_getfd(Thread&, const Call& c) {
  if (static_cast<u32>(c.arg[2]) != 0) return -EINVAL;
  const i64 result = host::call(__NR_pidfd_send_signal, c.arg[0], 0, nullptr, 0);
  return result == -EBADF || result == -ESRCH ? result : -EPERM;
}

}  // namespace barchan
