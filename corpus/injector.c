// The judge's hand: makes the process PID, which sits in a system call of the host, make another one in its place. That is
// what somebody could do who has taken a monitor over. Runs on the host, as a debugger.
//
//   injector PID NUMBER ARGUMENT...    prints `result N`, or `killed SIGNAL` when the call was its end
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>

static int fail(const char* what) {
  fprintf(stderr, "injector: %s: %s\n", what, strerror(errno));
  return 1;
}

int main(int argc, char** argv) {
  if (argc != 9) return fprintf(stderr, "injector: PID NUMBER and six arguments\n"), 2;
  const pid_t pid = atoi(argv[1]);
  int status;
  struct user_regs_struct r;
  if (ptrace(PTRACE_ATTACH, pid, 0, 0) != 0) return fail("PTRACE_ATTACH");
  if (waitpid(pid, &status, __WALL) < 0 || !WIFSTOPPED(status)) return fail("waitpid");
  if (ptrace(PTRACE_GETREGS, pid, 0, &r) != 0) return fail("PTRACE_GETREGS");
  r.rip -= 2;  // the `syscall` that it sits in
  r.orig_rax = -1;  // no restart of the old one
  r.rax = strtoull(argv[2], NULL, 0);
  unsigned long long* const arguments[] = {&r.rdi, &r.rsi, &r.rdx, &r.r10, &r.r8, &r.r9};
  for (int i = 0; i < 6; i++) *arguments[i] = strtoull(argv[3 + i], NULL, 0);
  if (ptrace(PTRACE_SETREGS, pid, 0, &r) != 0) return fail("PTRACE_SETREGS");
  if (ptrace(PTRACE_SINGLESTEP, pid, 0, 0) != 0) return fail("PTRACE_SINGLESTEP");
  if (waitpid(pid, &status, __WALL) < 0) return fail("waitpid");
  if (WIFSTOPPED(status)) {
    if (ptrace(PTRACE_GETREGS, pid, 0, &r) != 0) return fail("PTRACE_GETREGS");
    printf("result %lld\n", (long long)r.rax);
    kill(pid, SIGKILL);
    return 0;
  }
  printf("killed %d\n", WTERMSIG(status));
  return 0;
}
