// Reaching processes outside. argv[1]: the pid of one, as the host counts.
#include "attempt.h"

int main(int argc, char** argv) {
  pid_t outside = argc > 1 ? atoi(argv[1]) : 0;
  pid_t child = fork();
  if (child == 0) {
    pause();
    _exit(0);
  }
  CONTROL("signal a child", kill(child, 0));
  MUST_NOT("a parent outside", getppid() > 1);
  ATTEMPT("signal outside", kill(outside, 0));
  ATTEMPT("kill outside", kill(outside, SIGKILL));
  ATTEMPT("pidfd outside", syscall(SYS_pidfd_open, outside, 0));
  ATTEMPT("trace outside", ptrace(PTRACE_SEIZE, outside, 0, 0));
  ATTEMPT("trace 1", ptrace(PTRACE_SEIZE, 1, 0, 0));
  char byte;
  struct iovec local = {&byte, 1}, remote = {(void*)0x400000, 1};
  ATTEMPT("read memory outside", process_vm_readv(outside, &local, 1, &remote, 1, 0));
  ATTEMPT("read memory of 1", process_vm_readv(1, &local, 1, &remote, 1, 0));
  ATTEMPT("limits outside", ({
            struct rlimit limit = {0, 0};
            prlimit(outside, RLIMIT_CPU, &limit, NULL);
          }));
  ATTEMPT("priority outside", setpriority(PRIO_PROCESS, outside, 19));
  ATTEMPT("higher priority", setpriority(PRIO_PROCESS, 0, -5));
  ATTEMPT("take a descriptor of 1", ({
            int fd = (int)syscall(SYS_pidfd_open, 1, 0);
            fd < 0 ? -1 : syscall(SYS_pidfd_getfd, fd, 0, 0);
          }));
  // 1 does not die of what its namespace sends.
  for (int signal = 1; signal < 32; signal++)
    if (signal != SIGCONT) kill(1, signal);
  usleep(50000);
  CONTROL("1 lives", access("/proc/1/status", F_OK));
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
  signal(SIGTERM, SIG_IGN);
  kill(-1, SIGTERM);  // all that it may: none but itself
  CONTROL("still here", 0);
  return 0;
}
