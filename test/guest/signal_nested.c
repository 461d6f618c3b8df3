// Shows: handlers interrupt handlers, sa_mask and SA_NODEFER decide which; order of several pending signals.
// run: both
#include "guest.h"

static volatile int depth, raises;

static void handler(int signo, siginfo_t* info, void* context) {
  ucontext_t* uc = context;
  sigset_t now;
  sigprocmask(SIG_SETMASK, NULL, &now);
  printf("enter %s depth %d code %d self %d blocked:", sigabbrev_np(signo), depth, info->si_code,
         info->si_pid == getpid());
  for (int s = 1; s < 32; s++)
    if (sigismember(&now, s)) printf(" %s", sigabbrev_np(s));
  printf(" saved:");
  for (int s = 1; s < 32; s++)
    if (sigismember(&uc->uc_sigmask, s)) printf(" %s", sigabbrev_np(s));
  printf("\n");
  depth++;
  // Each raise counts: a signal that is blocked here comes again when its handler has returned.
  if (raises < 6) {
    raises++;
    if (signo == SIGUSR1) raise(SIGUSR2);
    if (signo == SIGUSR2) raise(SIGUSR1);
    if (signo == SIGTERM) raise(SIGTERM);
  }
  depth--;
  printf("leave %s depth %d\n", sigabbrev_np(signo), depth);
}

static void install(int signo, int flags, int also) {
  struct sigaction action = {.sa_flags = SA_SIGINFO | flags};
  action.sa_sigaction = handler;
  sigemptyset(&action.sa_mask);
  if (also) sigaddset(&action.sa_mask, also);
  MUST(sigaction(signo, &action, NULL));
}

int main(void) {
  install(SIGUSR1, 0, 0);
  install(SIGUSR2, 0, SIGHUP);
  install(SIGTERM, SA_NODEFER, 0);
  install(SIGHUP, 0, SIGINT);
  install(SIGINT, SA_RESETHAND, 0);
  SHOW(raise(SIGUSR1));
  raises = 3;
  SHOW(raise(SIGTERM));
  // Several at once: the kernel stacks the frames, so the highest number's handler runs first.
  sigset_t all, old, pending;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, &old);
  raise(SIGINT), raise(SIGHUP), raise(SIGUSR2), raise(SIGTERM);
  sigpending(&pending);
  for (int s = 1; s < 65; s++)
    if (sigismember(&pending, s)) printf("pending %d\n", s);
  sigprocmask(SIG_SETMASK, &old, NULL);
  struct sigaction now;
  MUST(sigaction(SIGINT, NULL, &now));
  CHECK(now.sa_handler == SIG_DFL);
  printf("flags %x\n", now.sa_flags);
  SHOW(sigaction(SIGKILL, NULL, &now));
  SHOW(sigaction(SIGKILL, &now, NULL));
  SHOW(sigaction(SIGSTOP, &now, NULL));
  SHOW(sigaction(65, NULL, &now));
  SHOW(syscall(SYS_rt_sigaction, SIGUSR1, NULL, &now, 4));
  SHOW(syscall(SYS_rt_sigaction, SIGUSR1, 8, &now, 8));
  SHOW(syscall(SYS_rt_sigprocmask, 7, &all, NULL, 8));
  SHOW(syscall(SYS_rt_sigprocmask, 7, NULL, NULL, 8));
  SHOW(syscall(SYS_rt_sigprocmask, SIG_BLOCK, &all, NULL, 16));
  SHOW(syscall(SYS_rt_sigprocmask, SIG_BLOCK, 16, NULL, 8));
  return guest_failed();
}
