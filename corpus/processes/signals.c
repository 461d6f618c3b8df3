// Signals a process of the host, Node.js and everybody: by every call that sends one.
// @technique T1489
// @weakness CWE-283
// @stopped-by namespace
// @options {"policy":"compat"}
// @control {"isolation":"none","policy":"compat"}
// @control-done kill,sigqueue,tgkill,pidfd_open
// @attempts 8
#include "../attack.h"

int main(void) {
  int victim = told_number("ATTACK_VICTIM"), node = told_number("ATTACK_NODE"), control = getenv("ATTACK_CONTROL") != NULL;
  // Signal 0 asks whether one could be sent; nothing else is needed to know.
  ATTEMPT("kill", kill(victim, 0));
  ATTEMPT("kill Node.js", kill(node, 0));
  siginfo_t info = {.si_code = SI_QUEUE};
  ATTEMPT("sigqueue", syscall(SYS_rt_sigqueueinfo, victim, 0, &info));
  ATTEMPT("tgkill", syscall(SYS_tgkill, victim, victim, 0));
  ATTEMPT("tkill", syscall(SYS_tkill, victim, 0));
  ATTEMPT("pidfd_open", syscall(SYS_pidfd_open, victim, 0));
  ATTEMPT("kill for real", control ? -1 : kill(victim, SIGKILL));
  ATTEMPT("kill its group", control ? -1 : kill(-victim, SIGKILL));
  // All that it may: within a PID namespace of its own these are its own.
  if (!control) kill(-1, SIGCONT);
  CONTROL("itself", kill(getpid(), 0));
  return 0;
}
