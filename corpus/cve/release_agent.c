// Has the host run a program when a control group empties: by the file of a version 1 hierarchy.
// @technique T1611
// @weakness CWE-862
// @cve CVE-2022-0492
// @stopped-by namespace
// @options {"policy":"compat"}
// @control none: natively, as root, this is the host's own
// @attempts 4
#include <sys/mount.h>

#include "../attack.h"

int main(void) {
  static const char* files[] = {"/sys/fs/cgroup/release_agent", "/sys/fs/cgroup/memory/release_agent", "/sys/fs/cgroup/rdma/release_agent", "/sys/fs/cgroup/cgroup.procs"};
  for (int i = 0; i < 4; i++) ATTEMPT(files[i], write_file(files[i], "/tmp/x\n", 7));
  mkdir("/tmp/group", 0700);
  ATTEMPT("mount a hierarchy", mount("cgroup", "/tmp/group", "cgroup", 0, "rdma"));
  return 0;
}
