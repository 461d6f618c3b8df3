// A monitor that was taken over changes mounts, by the old interface and by the new one.
// @technique T1611
// @weakness CWE-269
// @cve CVE-2022-0185
// @stopped-by seccomp
// @injected gate
// @options {"policy":"default"}
// @control {"isolation":"none"}
// @permits-compat chroot
// @attempts 8
#include "../attack.h"

int main(void) {
  TAKEN_OVER("mount", SYS_mount, (long)"none", (long)"/nowhere", (long)"tmpfs");
  TAKEN_OVER("umount2", SYS_umount2, (long)"/nowhere");
  TAKEN_OVER("pivot_root", SYS_pivot_root, (long)"/nowhere", (long)"/nowhere");
  TAKEN_OVER("fsopen", SYS_fsopen, (long)"tmpfs");
  TAKEN_OVER("open_tree", SYS_open_tree, -100, (long)"/", 1);
  TAKEN_OVER("move_mount", SYS_move_mount, -1, 0, -1, 0);
  TAKEN_OVER("mount_setattr", SYS_mount_setattr, -1, (long)"/nowhere");
  TAKEN_OVER("chroot", SYS_chroot, (long)"/nowhere");
  return 0;
}
