// A monitor that was taken over joins namespaces, or makes new ones in which it has every privilege.
// @technique T1611
// @weakness CWE-250
// @cve CVE-2024-1086
// @stopped-by seccomp
// @injected gate
// @options {"policy":"default"}
// @control {"isolation":"none"}
// @attempts 5
#include <sched.h>

#include "../attack.h"

int main(void) {
  TAKEN_OVER("setns", SYS_setns, -1, 0);
  TAKEN_OVER("unshare, users", SYS_unshare, CLONE_NEWUSER);
  TAKEN_OVER("unshare, mounts", SYS_unshare, CLONE_NEWNS);
  TAKEN_OVER("clone, users", SYS_clone, CLONE_NEWUSER | CLONE_FS);
  TAKEN_OVER("clone3", SYS_clone3, 0, 0);
  return 0;
}
