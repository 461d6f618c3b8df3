// Mounts a file system that it serves itself, whose answers may come late: FUSE, as the swaps of symbolic links need.
// @technique T1611
// @weakness CWE-362
// @cve CVE-2021-30465
// @stopped-by namespace
// @options {"policy":"compat"}
// @control none: natively, as root, this would be mounted on the host
// @attempts 3
#include <sys/mount.h>

#include "../attack.h"

int main(void) {
  const int fd = open("/dev/fuse", O_RDWR);
  RESULT("/dev/fuse", fd);
  char data[64];
  snprintf(data, sizeof data, "fd=%d,rootmode=40000,user_id=0,group_id=0", fd);
  ATTEMPT("mount", mount("none", "/tmp", "fuse", 0, data));
  ATTEMPT("/dev/cuse", open("/dev/cuse", O_RDWR));
  return 0;
}
