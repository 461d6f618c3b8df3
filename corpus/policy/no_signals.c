// Under a policy that sends no signal: to itself, to a group, to a thread, by a timer's and a queue's calls.
// @technique T1489
// @weakness CWE-693
// @stopped-by policy
// @options {"policy":{"profile":"compat","rules":[{"calls":["kill","tkill","tgkill","rt_sigqueueinfo","rt_tgsigqueueinfo","pidfd_send_signal"],"action":"deny"}]},"isolation":"none"}
// @control {"policy":"compat","isolation":"none"}
// @attempts 5
#include "../attack.h"

int main(void) {
  signal(SIGUSR1, SIG_IGN);
  ATTEMPT("kill", kill(getpid(), SIGUSR1));
  ATTEMPT("to the group", kill(0, SIGUSR1));
  ATTEMPT("tkill", syscall(SYS_tkill, gettid(), SIGUSR1));
  ATTEMPT("tgkill", syscall(SYS_tgkill, getpid(), gettid(), SIGUSR1));
  ATTEMPT("sigqueue", sigqueue(getpid(), SIGUSR1, (union sigval){0}));
  ATTEMPT("by a descriptor", syscall(SYS_pidfd_send_signal, syscall(SYS_pidfd_open, getpid(), 0), SIGUSR1, NULL, 0));
  return 0;
}
