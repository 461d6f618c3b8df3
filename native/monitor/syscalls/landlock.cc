// landlock_create_ruleset(2), landlock_add_rule(2), landlock_restrict_self(2): rules and domains are the host's, and bind the
// host thread, which makes the guest's calls. What the monitor itself needs under a domain:
//  - to execute its image: a rule of its own is added to each ruleset before it is enforced;
//  - to ask the host whether a program may be executed, as the host sees only the image: AT_EXECVE_CHECK, from Linux 6.14
//    on. On an older one a domain would not hold, so Landlock is off there (EOPNOTSUPP);
//  - to read the program it executes, which on Linux takes the right to execute only.
// Its other files it has open, or they are in no file system that a rule can name (memory files, pipes).
#include <linux/fcntl.h>
#include <linux/landlock.h>

#include "host/uaccess.h"
#include "monitor/check.h"
#include "monitor/fds.h"
#include "monitor/start.h"
#include "monitor/syscalls/handlers.h"

namespace barchan {
namespace {

constexpr u64 kExecveCheck = 0x10000;  // AT_EXECVE_CHECK

// Asked of no file: a kernel that knows the flag says that the descriptor is not open.
bool host_checks_execution() {
  return host::call(__NR_execveat, check::kClosedFd, "", nullptr, nullptr, AT_EMPTY_PATH | kExecveCheck) ==
         -EBADF;
}

// The kernel takes no more rights than a ruleset handles, and says nothing of what those are.
i64 let_image_run(u64 ruleset) {
  constexpr u64 kSets[] = {LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE,
                           LANDLOCK_ACCESS_FS_EXECUTE, LANDLOCK_ACCESS_FS_READ_FILE};
  i64 error = 0;
  for (const u64 rights : kSets) {
    landlock_path_beneath_attr rule = {};
    rule.allowed_access = rights;
    rule.parent_fd = private_fd(kFdImage);
    error = host::call(__NR_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
    if (error != -EINVAL) break;
  }
  return error == -EINVAL ? 0 : error;
}

}  // namespace

i64 sys_landlock_create_ruleset(Thread& t, const Call& c) {
  if (!host_checks_execution()) return -EOPNOTSUPP;
  const i64 result = t.host(__NR_landlock_create_ruleset, c.arg[0], c.arg[1], static_cast<u32>(c.arg[2]));
  return static_cast<u32>(c.arg[2]) == 0 ? fd_created(result) : result;  // else it is a version
}

i64 sys_landlock_add_rule(Thread& t, const Call& c) {
  if (!host_checks_execution()) return -EOPNOTSUPP;
  const u32 type = static_cast<u32>(c.arg[1]);
  u64 rule = check::pointer(c.arg[2], 16, false);
  landlock_path_beneath_attr beneath;
  if (type == LANDLOCK_RULE_PATH_BENEATH && read_guest(beneath, c.arg[2]) == 0) {
    if (is_private(beneath.parent_fd)) beneath.parent_fd = check::kClosedFd;
    rule = host::word(&beneath);
  }
  return t.host(__NR_landlock_add_rule, c.arg[0], type, rule, static_cast<u32>(c.arg[3]));
}

i64 sys_landlock_restrict_self(Thread& t, const Call& c) {
  if (!host_checks_execution()) return -EOPNOTSUPP;
  // Whatever is wrong with the ruleset, the host says below.
  if (const i64 error = let_image_run(c.arg[0]); error == -E2BIG || error == -ENOMEM) return error;
  start_restrict_execution();
  return t.host(__NR_landlock_restrict_self, c.arg[0], static_cast<u32>(c.arg[1]));
}

}  // namespace barchan
