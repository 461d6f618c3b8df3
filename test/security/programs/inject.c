// What somebody could do who has taken a monitor over: makes the process PID, a monitor that sits in a system call of the
// host, make the system call NUMBER with arguments of 0 instead. Runs on the host, as a debugger.
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>

int main(int argc, char** argv) {
  const pid_t pid = atoi(argv[1]);
  int status;
  struct user_regs_struct r;
  if (ptrace(PTRACE_ATTACH, pid, 0, 0) != 0) return perror("PTRACE_ATTACH"), 1;
  waitpid(pid, &status, __WALL);
  if (ptrace(PTRACE_GETREGS, pid, 0, &r) != 0) return perror("PTRACE_GETREGS"), 1;
  r.rip -= 2;  // the `syscall` that it sits in
  r.rax = atoi(argv[2]);
  r.orig_rax = -1;  // no restart of the old one
  r.rdi = r.rsi = r.rdx = r.r10 = r.r8 = r.r9 = 0;
  if (ptrace(PTRACE_SETREGS, pid, 0, &r) != 0) return perror("PTRACE_SETREGS"), 1;
  ptrace(PTRACE_SINGLESTEP, pid, 0, 0);
  if (waitpid(pid, &status, __WALL) < 0) return perror("waitpid"), 1;
  if (WIFSTOPPED(status)) {
    ptrace(PTRACE_GETREGS, pid, 0, &r);
    printf("result %lld\n", (long long)r.rax);
    ptrace(PTRACE_DETACH, pid, 0, 0);
    return 0;
  }
  printf("killed by %d\n", WTERMSIG(status));
  return 0;
}
