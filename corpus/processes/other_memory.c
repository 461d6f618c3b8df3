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
  ATTEMPT("attach to its parent", native ? -1 : ptrace(PTRACE_ATTACH, getppid(), NULL, NULL));
  ATTEMPT("ask to be traced", native ? -1 : ptrace(PTRACE_TRACEME, 0, NULL, NULL));
  kill(child, SIGKILL);
  return 0;
}
