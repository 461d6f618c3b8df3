// Gets round a filter that the program put on itself: by threads, fork, exec, signals, other numbers, removal.
// @technique T1562
// @weakness CWE-693
// @stopped-by gate
// @options {"policy":"compat"}
// @control none: the filter is the program's own; a native kernel keeps it as well
// @attempts 9
// @flags -pthread
#include <linux/filter.h>
#include <sched.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>

#include "../attack.h"

static int refused(void) { return (errno = 0, syscall(SYS_getppid)) == -1 && errno == EADDRINUSE; }
static volatile int in_handler, in_thread;
static void handler(int signal) { in_handler = signal && refused(); }
static void* thread(void* unused) {
  in_thread = refused();
  return unused;
}
static int in_vfork_stack(void* unused) {
  (void)unused;
  return refused() ? 7 : 8;
}

int main(int argc, char** argv) {
  if (argc > 1) return refused() ? 7 : 8;
  struct sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EADDRINUSE),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog filter = {4, code};
  CONTROL("no new privileges", prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
  const int set = prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter);
  CONTROL("filter", set);
  if (set != 0) return 0;  // a policy does not let it have one
  MUST_NOT("call", !refused(), "EADDRINUSE");
  errno = 0;
  long r = syscall(SYS_getppid | 1L << 32);
  MUST_NOT("upper half", r >= 0, "refused");
  signal(SIGUSR1, handler);
  raise(SIGUSR1);
  MUST_NOT("from a handler", !in_handler, "EADDRINUSE");
  pthread_t other;
  CONTROL("thread", -pthread_create(&other, NULL, thread, NULL));
  pthread_join(other, NULL);
  MUST_NOT("from a thread", !in_thread, "EADDRINUSE");
  int status;
  pid_t child = fork();
  if (child == 0) _exit(refused() ? 7 : 8);
  waitpid(child, &status, 0);
  MUST_NOT("from a child", WEXITSTATUS(status) != 7, "EADDRINUSE");
  child = vfork();
  if (child == 0) {
    execl("/proc/self/exe", argv[0], "again", NULL);
    _exit(9);
  }
  waitpid(child, &status, 0);
  MUST_NOT("after exec", WEXITSTATUS(status) != 7, "EADDRINUSE");
  static char stack[65536] __attribute__((aligned(16)));
  child = clone(in_vfork_stack, stack + sizeof stack, CLONE_VM | SIGCHLD, NULL);
  waitpid(child, &status, 0);
  MUST_NOT("from a child in the same memory", WEXITSTATUS(status) != 7, "EADDRINUSE");
  ATTEMPT("remove by mode 0", prctl(PR_SET_SECCOMP, SECCOMP_MODE_DISABLED, NULL));
  ATTEMPT("take back no new privileges", prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0));
  MUST_NOT("in the end", !refused(), "EADDRINUSE");
  return 0;
}
