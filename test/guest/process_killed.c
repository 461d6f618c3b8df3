// Shows: death by each signal is seen by the waiter, whether sent, raised or caused; blocked ones wait.
#include "guest.h"

int main(void) {
  int fatal[] = {SIGHUP, SIGINT, SIGQUIT, SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGKILL, SIGUSR1, SIGSEGV, SIGUSR2,
                 SIGPIPE, SIGALRM, SIGTERM, SIGSTKFLT, SIGXCPU, SIGXFSZ, SIGVTALRM, SIGPROF, SIGIO, SIGPWR, SIGSYS, 40, 64};
  for (unsigned i = 0; i < sizeof fatal / sizeof *fatal; i++) {
    int raised = i & 1;
    pid_t pid = MUST(fork());
    if (!pid) {
      if (raised) raise(fatal[i]);
      for (;;) pause();
    }
    if (!raised) MUST(kill(pid, fatal[i]));
    int status;
    MUST(waitpid(pid, &status, 0));
    printf("signal %d: signaled %d by %d\n", fatal[i], WIFSIGNALED(status), WTERMSIG(status));
  }
  int harmless[] = {SIGCHLD, SIGURG, SIGWINCH, SIGCONT};
  for (unsigned i = 0; i < 4; i++) {
    pid_t pid = MUST(fork());
    if (!pid) {
      raise(harmless[i]);
      _exit(3);
    }
    reap("harmless", pid);
  }
  pid_t pid = MUST(fork());
  if (!pid) {
    sigset_t mask;
    sigemptyset(&mask);
    sigaddset(&mask, SIGTERM);
    sigaddset(&mask, SIGKILL);
    sigprocmask(SIG_BLOCK, &mask, NULL);
    raise(SIGTERM);
    sigset_t pending;
    sigpending(&pending);
    printf("pending %d\n", sigismember(&pending, SIGTERM));
    sigprocmask(SIG_UNBLOCK, &mask, NULL);
    _exit(0);
  }
  reap("unblocked", pid);
  pid = MUST(fork());
  if (!pid) abort();
  reap("abort", pid);
  pid = MUST(fork());
  if (!pid) {  // spins in user mode without a system call
    for (;;) {
    }
  }
  usleep(5000);
  MUST(kill(pid, SIGTERM));
  reap("spinner", pid);
  SHOW(kill(pid, 0));
  SHOW(kill(getpid(), 0));
  SHOW(kill(getpid(), 65));
  SHOW(kill(-999999, SIGTERM));
  return 0;
}
