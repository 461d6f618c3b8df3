// Under a policy without new tasks: forks, clones and starts threads by every call that does.
// @technique T1106
// @weakness CWE-693
// @stopped-by policy
// @options {"policy":{"profile":"compat","rules":[{"calls":["clone","clone3","fork","vfork"],"action":"deny","errno":"EAGAIN"}]},"isolation":"none"}
// @control {"policy":"compat","isolation":"none"}
// @attempts 5
#include <linux/sched.h>
#include <pthread.h>

#include "../attack.h"

static void* nothing(void* unused) { return unused; }

int main(void) {
  pid_t child = fork();
  if (child == 0) _exit(0);
  RESULT("fork", child);
  child = syscall(SYS_fork);
  if (child == 0) _exit(0);
  RESULT("the old fork", child);
  child = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
  if (child == 0) _exit(0);
  RESULT("clone", child);
  struct clone_args how = {.exit_signal = SIGCHLD};
  child = syscall(SYS_clone3, &how, sizeof how);
  if (child == 0) _exit(0);
  RESULT("clone3", child);
  pthread_t thread;
  errno = pthread_create(&thread, NULL, nothing, NULL);
  MUST_NOT("thread", errno == 0, error_name());
  return 0;
}
