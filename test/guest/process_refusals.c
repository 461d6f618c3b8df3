// Shows: the errors that clone, clone3, ptrace, setns and pidfd_getfd find in their arguments, before privileges are asked for.
// run: both
#include <linux/sched.h>
#include <sched.h>

#include "guest.h"

static void* unmapped;

static void make(const char* what, struct clone_args args, size_t size) {
  errno = 0;
  long pid = syscall(SYS_clone3, &args, size);
  if (pid == 0) _exit(0);
  if (pid > 0) waitpid((pid_t)pid, NULL, 0);
  printf("%s: %s\n", what, pid > 0 ? "made" : errno_name(errno));
}
#define MAKE(...) make(#__VA_ARGS__, (struct clone_args){__VA_ARGS__}, sizeof(struct clone_args))

int main(void) {
  unmapped = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  int tids[40];
  for (int i = 0; i < 40; i++) tids[i] = 1;
  MAKE(.exit_signal = SIGCHLD);
  MAKE(.exit_signal = 65);
  MAKE(.exit_signal = 0x100 | SIGCHLD);
  MAKE(.exit_signal = -1ul);
  MAKE(.exit_signal = SIGCHLD, .stack = (uintptr_t)tids);
  MAKE(.exit_signal = SIGCHLD, .stack_size = 4096);
  MAKE(.exit_signal = SIGCHLD, .set_tid = (uintptr_t)tids);
  MAKE(.exit_signal = SIGCHLD, .set_tid_size = 1);
  MAKE(.exit_signal = SIGCHLD, .set_tid = (uintptr_t)tids, .set_tid_size = 33);
  MAKE(.exit_signal = SIGCHLD, .set_tid = (uintptr_t)unmapped, .set_tid_size = 1);
  MAKE(.exit_signal = 65, .set_tid = (uintptr_t)unmapped, .set_tid_size = 1);
  MAKE(.flags = CLONE_DETACHED, .exit_signal = SIGCHLD, .set_tid = (uintptr_t)unmapped, .set_tid_size = 1);
  int wrong[] = {0, -1, INT_MIN, 0x40000000, INT_MAX};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
    MAKE(.exit_signal = SIGCHLD, .set_tid = (uintptr_t)&wrong[i], .set_tid_size = 1);
  MAKE(.flags = CLONE_SIGHAND, .exit_signal = SIGCHLD);
  MAKE(.flags = CLONE_THREAD, .exit_signal = 0);
  MAKE(.flags = CLONE_PARENT, .exit_signal = SIGCHLD);
  MAKE(.flags = CLONE_DETACHED, .exit_signal = SIGCHLD);
  MAKE(.flags = 1ull << 40, .exit_signal = SIGCHLD);
  MAKE(.flags = CLONE_CLEAR_SIGHAND | CLONE_SIGHAND | CLONE_VM, .exit_signal = SIGCHLD);
  MAKE(.flags = CLONE_CLEAR_SIGHAND, .exit_signal = SIGCHLD);
  MAKE(.flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD, .cgroup = 1ull << 31);
  MAKE(.flags = CLONE_NEWNS | CLONE_FS, .exit_signal = SIGCHLD);
  MAKE(.flags = CLONE_NEWUSER | CLONE_FS, .exit_signal = SIGCHLD);
  MAKE(.flags = CLONE_THREAD | CLONE_VM | CLONE_SIGHAND | CLONE_NEWPID);
  MAKE(.flags = CLONE_THREAD | CLONE_VM | CLONE_SIGHAND | CLONE_NEWUSER);
  make("cgroup in a short structure", (struct clone_args){.flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD}, 80);
  make("short", (struct clone_args){.exit_signal = SIGCHLD}, 63);
  make("first version", (struct clone_args){.exit_signal = SIGCHLD}, 64);
  make("second version", (struct clone_args){.exit_signal = SIGCHLD}, 80);
  SHOW(syscall(SYS_clone3, unmapped, 88));
  SHOW(syscall(SYS_clone3, unmapped, 4097));
  SHOW(syscall(SYS_clone, CLONE_NEWNS | CLONE_FS, 0, 0, 0, 0));
  SHOW(syscall(SYS_clone, CLONE_THREAD, 0, 0, 0, 0));
  SHOW(syscall(SYS_clone, CLONE_SIGHAND, 0, 0, 0, 0));

  SHOW(syscall(SYS_ptrace, 16, -1, 0, 0));          // PTRACE_ATTACH
  SHOW(syscall(SYS_ptrace, 16, 0, 0, 0));
  SHOW(syscall(SYS_ptrace, 16, 0x3fffffff, 0, 0));
  SHOW(syscall(SYS_ptrace, 16, getpid(), 0, 0));
  SHOW(syscall(SYS_ptrace, 0x4206, 0x3fffffff, 0, 0));  // PTRACE_SEIZE
  SHOW(syscall(SYS_ptrace, 0x4206, getpid(), 0, 0));
  pid_t child = MUST(fork());
  if (!child) {
    for (;;) pause();
  }
  SHOW(syscall(SYS_ptrace, 7, child, 0, 0));  // PTRACE_CONT of what is not traced
  SHOW(syscall(SYS_ptrace, 9999, child, 0, 0));

  int file = MUST(open("/dev/null", O_RDONLY)), names = MUST(open("/proc/self/ns/uts", O_RDONLY));
  (void)names;
  SHOW(syscall(SYS_setns, -1, 0));
  SHOW(syscall(SYS_setns, 999, 0));
  SHOW(syscall(SYS_setns, file, 0));
  SHOW(syscall(SYS_setns, file, CLONE_NEWNET));

  int pidfd = MUST(syscall(SYS_pidfd_open, child, 0));
  SHOW(syscall(SYS_pidfd_getfd, -1, 0, 0));
  SHOW(syscall(SYS_pidfd_getfd, file, 0, 0));
  SHOW(syscall(SYS_pidfd_getfd, pidfd, 0, 1));
  kill(child, SIGKILL);
  reap("child", child);
  SHOW(syscall(SYS_pidfd_getfd, pidfd, 0, 0));
  return guest_failed();
}
