// Changing mounts and namespaces, and device nodes.
#include "attempt.h"

#include <sched.h>

int main(void) {
  CONTROL("mkdir /tmp/m", mkdir("/tmp/m", 0700));
  ATTEMPT("mount tmpfs", mount("none", "/tmp/m", "tmpfs", 0, ""));
  ATTEMPT("mount proc", mount("none", "/tmp/m", "proc", 0, ""));
  ATTEMPT("mount sysfs", mount("none", "/tmp/m", "sysfs", 0, ""));
  ATTEMPT("mount cgroup2", mount("none", "/tmp/m", "cgroup2", 0, ""));
  ATTEMPT("mount overlay", mount("none", "/tmp/m", "overlay", 0, "lowerdir=/etc:/usr"));
  ATTEMPT("bind", mount("/etc", "/tmp/m", NULL, MS_BIND, NULL));
  ATTEMPT("remount", mount(NULL, "/usr", NULL, MS_REMOUNT | MS_BIND, NULL));
  ATTEMPT("remount /", mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND, NULL));
  ATTEMPT("move", mount("/tmp", "/tmp/m", NULL, MS_MOVE, NULL));
  ATTEMPT("propagation", mount(NULL, "/", NULL, MS_SHARED | MS_REC, NULL));
  ATTEMPT("unmount /proc/sys", umount2("/proc/sys", MNT_DETACH));
  ATTEMPT("unmount a mask", umount2("/proc/timer_list", MNT_DETACH));
  ATTEMPT("unmount /dev", umount2("/dev", MNT_DETACH));
  ATTEMPT("unmount /", umount2("/", MNT_DETACH));
  ATTEMPT("pivot_root", syscall(SYS_pivot_root, "/tmp", "/tmp/m"));
  ATTEMPT("chroot", chroot("/tmp"));
  ATTEMPT("open_tree", syscall(SYS_open_tree, AT_FDCWD, "/", 1));
  ATTEMPT("fsopen", syscall(SYS_fsopen, "tmpfs", 0));
  ATTEMPT("fspick", syscall(SYS_fspick, AT_FDCWD, "/usr", 0));
  ATTEMPT("mount_setattr", syscall(SYS_mount_setattr, AT_FDCWD, "/usr", 0, (uint64_t[4]){0, 1, 0, 0}, 32));
  ATTEMPT("move_mount", syscall(SYS_move_mount, AT_FDCWD, "/usr", AT_FDCWD, "/tmp/m", 0));
  ATTEMPT("unshare user", unshare(CLONE_NEWUSER));
  ATTEMPT("unshare mount", unshare(CLONE_NEWNS));
  ATTEMPT("unshare pid", unshare(CLONE_NEWPID));
  ATTEMPT("unshare net", unshare(CLONE_NEWNET));
  ATTEMPT("unshare uts", unshare(CLONE_NEWUTS));
  ATTEMPT("unshare ipc", unshare(CLONE_NEWIPC));
  ATTEMPT("unshare cgroup", unshare(CLONE_NEWCGROUP));
  ATTEMPT("unshare user and mount", unshare(CLONE_NEWUSER | CLONE_NEWNS));
  ATTEMPT("clone user", ({
            long pid = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);
            if (pid == 0) _exit(0);
            pid;
          }));
  ATTEMPT("setns", ({
            int fd = open("/proc/1/ns/mnt", O_RDONLY);
            fd < 0 ? -1 : setns(fd, 0);
          }));
  ATTEMPT("setns by pidfd", ({
            int fd = (int)syscall(SYS_pidfd_open, 1, 0);
            fd < 0 ? -1 : setns(fd, CLONE_NEWNS | CLONE_NEWUSER);
          }));
  ATTEMPT("character device", mknod("/tmp/mem", S_IFCHR | 0600, makedev(1, 1)));
  ATTEMPT("block device", mknod("/tmp/disk", S_IFBLK | 0600, makedev(254, 0)));
  ATTEMPT("kvm device", mknod("/tmp/kvm", S_IFCHR | 0666, makedev(10, 232)));
  ATTEMPT("/dev/kvm", open("/dev/kvm", O_RDWR));
  ATTEMPT("/dev/mem", open("/dev/mem", O_RDONLY));
  ATTEMPT("/dev/kmsg", open("/dev/kmsg", O_RDONLY));
  ATTEMPT("/dev/vda", open("/dev/vda", O_RDONLY));
  ATTEMPT("/dev/fuse", open("/dev/fuse", O_RDWR));
  ATTEMPT("/dev/net/tun", open("/dev/net/tun", O_RDWR));
  ATTEMPT("/dev/loop-control", open("/dev/loop-control", O_RDWR));
  ATTEMPT("remove /dev/null", unlink("/dev/null"));
  CONTROL("/dev/null", write_to("/dev/null", "x"));
  CONTROL("/dev/urandom", read_from("/dev/urandom"));
  return 0;
}
