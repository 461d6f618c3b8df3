// Mounts an overlay in namespaces of its own, from which file capabilities and set-user-ID files were once copied up unchecked.
// @technique T1068
// @weakness CWE-281
// @cve CVE-2023-0386
// @stopped-by gate
// @options {"policy":"compat"}
// @control native
// @control-done namespaces of its own
// @attempts 3
#include <sched.h>
#include <sys/mount.h>

#include "../attack.h"

int main(void) {
  ATTEMPT("namespaces of its own", unshare(CLONE_NEWUSER | CLONE_NEWNS));
  ATTEMPT("overlay", mount("overlay", "/tmp", "overlay", 0, "lowerdir=/usr,upperdir=/tmp,workdir=/tmp"));
  ATTEMPT("tmpfs", mount("tmpfs", "/mnt", "tmpfs", 0, NULL));
  return 0;
}
