// unshare(2): only what concerns the process itself; namespaces need privileges that guests do not have.
#include <linux/sched.h>

#include "monitor/fds.h"
#include "monitor/syscalls/handlers.h"
#include "monitor/thread_pool.h"

namespace barchan {

i64 sys_unshare(Thread& t, const Call& call) {
  const u64 flags = call.arg[0];
  constexpr u64 kOwn = CLONE_FS | CLONE_SYSVSEM | CLONE_FILES;
  constexpr u64 kNamespaces = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |
                              CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWTIME;
  // Nothing to do where there is nothing shared, else refused. The host is not asked: it may count a thread of KVM's.
  constexpr u64 kMemory = CLONE_SIGHAND | CLONE_VM;
  if (flags & ~(kOwn | kNamespaces | kMemory | CLONE_THREAD)) return -EINVAL;
  if (flags & kMemory && !thread_is_alone(t)) return -EINVAL;
  if (flags & (CLONE_THREAD | CLONE_NEWUSER) && !pool_is_last(t)) return -EINVAL;
  if (flags & kNamespaces) return -EPERM;
  if (!(flags & kOwn)) return 0;
  // Asked before fd_lock is taken, which comes after the pool's lock.
  const bool parts = flags & CLONE_FILES && !thread_is_alone(t);
  if (!fd_lock_shared(t)) return host::kRestart;
  const i64 result = t.host(__NR_unshare, flags & kOwn);
  if (result == 0 && parts) thread_copy_table(t, t);
  fd_unlock_shared(t);
  return result;
}

}  // namespace barchan
