// unshare(2): only what concerns the process itself; namespaces need privileges that guests do not have.
#include <linux/sched.h>

#include "monitor/syscalls/handlers.h"

namespace barchan {

i64 sys_unshare(Thread& t, const Call& call) {
  const u64 flags = call.arg[0];
  constexpr u64 kHarmless = CLONE_FS | CLONE_SYSVSEM;
  constexpr u64 kNamespaces = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |
                              CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWTIME;
  // A table of its own would lose the descriptors of vCPUs that other threads make later.
  constexpr u64 kOther = CLONE_FILES | CLONE_THREAD | CLONE_SIGHAND | CLONE_VM;
  if (flags & ~(kHarmless | kNamespaces | kOther)) return -EINVAL;
  if (flags & (kNamespaces | kOther)) return -EPERM;
  return t.host(__NR_unshare, flags);
}

}  // namespace barchan
