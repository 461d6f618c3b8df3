// Takes over another process: traces it, reads and writes its memory, takes its descriptors, as its child and as its parent.
// @technique T1055.008
// @weakness CWE-284
// @stopped-by gate
// @options {"policy":"compat","isolation":"none"}
// @control native
// @control-done attach,seize,read memory,take a descriptor
// @attempts 8
#include <sys/ptrace.h>

#include "../attack.h"

int main(void) {
  int native = getenv("ATTACK_NATIVE") != NULL;
  static char bytes[16] = "its own";
  pid_t child = fork();
  if (child == 0) {
    pause();
    _exit(0);
  }
  usleep(20000);
  ATTEMPT("attach", ptrace(PTRACE_ATTACH, child, NULL, NULL));
  if (native) waitpid(child, NULL, 0), ptrace(PTRACE_DETACH, child, NULL, NULL);
  ATTEMPT("seize", ptrace(PTRACE_SEIZE, child, NULL, NULL));
  char got[16];
  struct iovec mine = {got, sizeof got}, theirs = {bytes, sizeof bytes};
  ATTEMPT("read memory", process_vm_readv(child, &mine, 1, &theirs, 1, 0));
  ATTEMPT("write memory", process_vm_writev(child, &mine, 1, &theirs, 1, 0));
  int pidfd = syscall(SYS_pidfd_open, child, 0);
  ATTEMPT("take a descriptor", syscall(SYS_pidfd_getfd, pidfd, 0, 0));
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/mem", child);
  int memory = open(path, O_RDWR);
  ATTEMPT("write through mem", memory < 0 ? -1 : pwrite(memory, "taken", 5, (off_t)bytes) == 5 ? 0 : -1);
  pid_t parent = getppid();
  long attached = native ? -1 : ptrace(PTRACE_ATTACH, parent, NULL, NULL);
  RESULT("attach to its parent", attached);
  // One that is left as it is would stay stopped when its tracer ends, and so never end itself.
  if (attached == 0) waitpid(parent, NULL, __WALL), ptrace(PTRACE_DETACH, parent, NULL, NULL);
  // A child, since a process that is traced stops at each signal until its tracer lets it go on.
  pid_t traced = native ? -1 : fork();
  if (traced == 0) _exit(ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0 ? errno : 0);
  int status = EPERM << 8;
  if (traced > 0) waitpid(traced, &status, 0);
  errno = WEXITSTATUS(status);
  RESULT("ask to be traced", status == 0 ? 0 : -1);
  kill(child, SIGKILL);
  return 0;
}
