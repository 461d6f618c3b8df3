// Shows: raw clone: tid words written and cleared, futex wake at exit, TLS base, shared and unshared parts.
#include <linux/futex.h>
#include <linux/sched.h>
#include <sched.h>

#include "guest.h"

static pid_t parent_tid, child_tid;
static volatile int ran, value;
static char stack[65536] __attribute__((aligned(16)));
static int thread_body(void* argument) {  // no libc calls: it has no TLS of its own
  ran = (int)(long)argument;
  value++;
  return 0;
}
static int process_body(void* argument) {
  value += (int)(long)argument;
  if (chdir("/tmp")) return 9;
  close(0);
  return 5;
}

int main(void) {
  int thread_flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM |
                     CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID | CLONE_CHILD_SETTID;
  for (int i = 0; i < 50; i++) {
    child_tid = 1;
    ran = 0;
    int tid = clone(thread_body, stack + sizeof stack, thread_flags, (void*)(long)(i + 1), &parent_tid, NULL, &child_tid);
    if (tid < 0) printf("clone: %s\n", errno_name(errno));
    if (parent_tid != tid) printf("parent tid word wrong\n");
    pid_t seen;
    while ((seen = __atomic_load_n(&child_tid, __ATOMIC_SEQ_CST)) != 0) syscall(SYS_futex, &child_tid, FUTEX_WAIT, seen, NULL);
    if (ran != i + 1) printf("round %d: ran %d\n", i, ran);
  }
  printf("threads ran, value %d\n", value);
  // A process that shares memory only.
  pid_t pid = OK(clone(process_body, stack + sizeof stack, CLONE_VM | SIGCHLD, (void*)100l));
  reap("CLONE_VM process", pid);
  printf("value %d\n", value);
  CHECK(fcntl(0, F_GETFD) >= 0);
  // Shares files and directory, but not memory.
  pid = OK(clone(process_body, stack + sizeof stack, CLONE_FS | SIGCHLD, (void*)100l));
  reap("CLONE_FS process", pid);
  char directory[100];
  printf("value %d cwd %s fd 0 %s\n", value, getcwd(directory, 100), fcntl(0, F_GETFD) < 0 ? "closed" : "open");
  // Another exit signal, or none: needs __WCLONE.
  pid = OK(clone(process_body, stack + sizeof stack, CLONE_VM, (void*)1l));
  SHOW(waitpid(pid, NULL, 0));
  int status;
  CHECK(waitpid(pid, &status, __WCLONE) == pid);
  show_status("no signal", status);
  SHOW(syscall(SYS_clone, CLONE_SIGHAND | SIGCHLD, 0, 0, 0, 0));
  SHOW(syscall(SYS_clone, CLONE_THREAD | SIGCHLD, 0, 0, 0, 0));
  struct clone_args arguments = {.exit_signal = SIGCHLD, .flags = CLONE_PARENT_SETTID, .parent_tid = (uintptr_t)&parent_tid};
  pid = MUST((pid_t)syscall(SYS_clone3, &arguments, sizeof arguments));
  if (!pid) _exit(17);
  CHECK(parent_tid == pid);
  reap("clone3", pid);
  SHOW(syscall(SYS_clone3, &arguments, 8));
  SHOW(syscall(SYS_clone3, 8, sizeof arguments));
  return guest_failed();
}
