// Under a policy that opens nothing for writing: by flags, by the old call, by what opens beside open.
// @technique T1565.001
// @weakness CWE-732
// @stopped-by policy
// @options {"policy":{"profile":"compat","rules":[{"calls":["openat"],"action":"deny","errno":"EROFS","when":{"flags":{"mask":3,"notEquals":0}}},{"calls":["openat2","creat"],"action":"deny","errno":"EROFS"}]},"isolation":"none"}
// @control {"policy":"compat","isolation":"none"}
// @attempts 5
#include "../attack.h"

int main(void) {
  char path[64];
  snprintf(path, sizeof path, "/tmp/barchan-attack-%d", getpid());
  ATTEMPT("make", open(path, O_WRONLY | O_CREAT, 0600));
  ATTEMPT("creat", creat(path, 0600));
  ATTEMPT("read and write", open("/dev/null", O_RDWR));
  ATTEMPT("write", openat(AT_FDCWD, "/dev/null", O_WRONLY | 1UL << 40));
  ATTEMPT("by a structure", syscall(SYS_openat2, AT_FDCWD, "/dev/null", (unsigned long[3]){O_WRONLY}, 24));
  unlink(path);
  return 0;
}
