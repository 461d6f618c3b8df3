// Opens the KVM device, by its path, by links, by a node of its own making, by procfs.
// @technique T1611
// @weakness CWE-668
// @stopped-by gate
// @options {"policy":"compat","isolation":"none"}
// @control native
// @control-done open,through a symbolic link
// @attempts 9
#include <linux/openat2.h>
#include <sys/sysmacros.h>

#include "../attack.h"

int main(void) {
  char folder[] = "/tmp/barchan-kvm-XXXXXX", path[128];
  CONTROL("folder", mkdtemp(folder) ? 0 : -1);
  ATTEMPT("open", open("/dev/kvm", O_RDWR | O_CLOEXEC));
  ATTEMPT("openat2", syscall(SYS_openat2, AT_FDCWD, "/dev/kvm", &(struct open_how){.flags = O_RDWR}, sizeof(struct open_how)));
  ATTEMPT("dots", open("/dev/../dev/./kvm", O_RDWR));
  ATTEMPT("by a folder", openat(open("/dev", O_RDONLY | O_DIRECTORY), "kvm", O_RDWR));
  CONTROL("chdir", chdir("/dev"));
  ATTEMPT("by the working directory", open("kvm", O_RDWR));
  snprintf(path, sizeof path, "%s/link", folder);
  CONTROL("symlink", symlink("/dev/kvm", path));
  ATTEMPT("through a symbolic link", open(path, O_RDWR));
  unlink(path);
  ATTEMPT("through procfs", open("/proc/self/root/dev/kvm", O_RDWR));
  snprintf(path, sizeof path, "%s/node", folder);
  long made = mknod(path, S_IFCHR | 0666, makedev(10, 232));
  if (made == 0) made = open(path, O_RDWR);
  ATTEMPT("a node of its own", made);
  unlink(path);
  int reference = open("/dev/kvm", O_PATH);
  char again[64];
  snprintf(again, sizeof again, "/proc/self/fd/%d", reference);
  ATTEMPT("through a reference", reference < 0 ? -1 : open(again, O_RDWR));
  rmdir(folder);
  return 0;
}
