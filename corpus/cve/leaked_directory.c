// Looks for descriptors and a working directory that were left open to it and lead out of its root.
// @technique T1611
// @weakness CWE-403
// @cve CVE-2024-21626
// @stopped-by namespace
// @options {"policy":"compat"}
// @control none: a native program has just what its parent gives it
// @attempts 3
#include "../attack.h"

int main(void) {
  struct stat root, at;
  CONTROL("root", stat("/", &root));
  int left = 0, outside = 0;
  for (int fd = 3; fd < 20000; fd++) {
    if (fcntl(fd, F_GETFD) < 0) continue;
    left++;
    outside |= openat(fd, "../../../../../..", O_PATH) >= 0;
  }
  MUST_NOT("descriptors left open", left, "none");
  MUST_NOT("a way out by them", outside, "none");
  for (int i = 0; i < 64; i++) chdir("..");
  const int found = stat(".", &at);
  CONTROL("working directory", found);
  MUST_NOT("a working directory outside", found == 0 && (at.st_ino != root.st_ino || at.st_dev != root.st_dev), "inside");
  return 0;
}
