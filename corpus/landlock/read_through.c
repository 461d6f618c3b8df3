// Reads, lists and runs the host's files through the host's root that was left open, from a root of its own.
// @technique T1611
// @weakness CWE-403
// @stopped-by landlock
// @passes root
// @options {"policy":"default","rootfs":{"directory":"/usr"}}
// @control {"isolation":"none"}
// @control-done read,list,run
// @attempts 4
#include "../attack.h"

int main(void) {
  CONTROL("the root is open", fcntl(3, F_GETFD));
  ATTEMPT("read", openat(3, "etc/passwd", O_RDONLY));
  ATTEMPT("list", openat(3, "etc", O_RDONLY | O_DIRECTORY));
  ATTEMPT("its processes", openat(3, "proc/1/environ", O_RDONLY));
  IN_CHILD("run", execveat(3, "usr/bin/true", (char*[]){"true", NULL}, (char*[]){NULL}, 0); _exit(errno));
  return 0;
}
