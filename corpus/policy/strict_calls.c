// Under the policy for computing alone: opens files, makes sockets and processes, executes.
// @technique T1106
// @weakness CWE-272
// @stopped-by policy
// @options {"policy":"strict","isolation":"none"}
// @control {"policy":"compat","isolation":"none"}
// @permits-compat open, creat, stat, socket, socketpair, fork, vfork, memfd, inotify, chdir, getcwd, readlink
// @permits-default open, creat, stat, socket, socketpair, fork, vfork, memfd, inotify, chdir, getcwd, readlink
// @attempts 12
#include <sched.h>
#include <sys/inotify.h>
#include <sys/ipc.h>

#include "../attack.h"

int main(void) {
  ATTEMPT("open", open("/etc/passwd", O_RDONLY));
  ATTEMPT("creat", open("/dev/null", O_WRONLY | O_CREAT, 0600));
  ATTEMPT("stat", access("/etc/passwd", R_OK));
  ATTEMPT("socket", socket(AF_INET, SOCK_STREAM, 0));
  ATTEMPT("socketpair", socketpair(AF_UNIX, SOCK_STREAM, 0, (int[2]){0}));
  pid_t child = syscall(SYS_fork);
  if (child == 0) _exit(0);
  ATTEMPT("fork", child);
  child = vfork();
  if (child == 0) _exit(0);
  ATTEMPT("vfork", child);
  ATTEMPT("memfd", memfd_create("x", 0));
  ATTEMPT("inotify", inotify_init1(0));
  ATTEMPT("chdir", chdir("/"));
  ATTEMPT("getcwd", syscall(SYS_getcwd, (char[4096]){0}, 4096));
  ATTEMPT("readlink", readlink("/proc/self/exe", (char[4096]){0}, 4096));

  return 0;
}
