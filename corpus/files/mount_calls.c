// Changes mounts: old and new interface, bind, remount, propagation, pivot, root.
// @technique T1611
// @weakness CWE-269
// @stopped-by gate
// @options {"policy":"compat"}
// @control none: natively, as root, these would change the host's mounts
// @attempts 16
#include <sys/mount.h>

#include "../attack.h"

int main(void) {
  mkdir("/tmp/a", 0700);
  ATTEMPT("tmpfs", mount("none", "/tmp/a", "tmpfs", 0, NULL));
  ATTEMPT("proc", mount("none", "/tmp/a", "proc", 0, NULL));
  ATTEMPT("sysfs", mount("none", "/tmp/a", "sysfs", 0, NULL));
  ATTEMPT("cgroup", mount("none", "/tmp/a", "cgroup2", 0, NULL));
  ATTEMPT("bind", mount("/", "/tmp/a", NULL, MS_BIND | MS_REC, NULL));
  ATTEMPT("remount", mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND, NULL));
  ATTEMPT("propagation", mount(NULL, "/", NULL, MS_SHARED | MS_REC, NULL));
  ATTEMPT("move", mount("/dev", "/tmp/a", NULL, MS_MOVE, NULL));
  ATTEMPT("overlay", mount("none", "/tmp/a", "overlay", 0, "lowerdir=/,upperdir=/tmp,workdir=/tmp/a"));
  ATTEMPT("unmount /proc", umount2("/proc", MNT_DETACH));
  ATTEMPT("unmount /", umount2("/", MNT_DETACH));
  ATTEMPT("pivot_root", syscall(SYS_pivot_root, "/tmp", "/tmp/a"));
  ATTEMPT("fsopen", syscall(SYS_fsopen, "tmpfs", 0));
  ATTEMPT("fspick", syscall(SYS_fspick, AT_FDCWD, "/", 0));
  ATTEMPT("open_tree", syscall(SYS_open_tree, AT_FDCWD, "/", 1));
  ATTEMPT("move_mount", syscall(SYS_move_mount, AT_FDCWD, "/dev", AT_FDCWD, "/tmp/a", 0));
  ATTEMPT("mount_setattr", syscall(SYS_mount_setattr, AT_FDCWD, "/", 0, (uint64_t[4]){0, 1}, 32));
  ATTEMPT("swapon", syscall(SYS_swapon, "/tmp/a", 0));
  return 0;
}
