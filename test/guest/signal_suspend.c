// Shows: sigsuspend's temporary mask in the handler and in its frame; ppoll's; no lost wake-up in 2,000 rounds.
// run: both
#include "guest.h"
#include <poll.h>

static volatile int count;
static void show_set(const char* what, const sigset_t* set) {
  printf(" %s:", what);
  for (int s = 1; s < 32; s++)
    if (sigismember(set, s)) printf(" %s", sigabbrev_np(s));
}
static void handler(int signo, siginfo_t* info UNUSED, void* context) {
  sigset_t now;
  sigprocmask(SIG_SETMASK, NULL, &now);
  printf("%s", sigabbrev_np(signo));
  show_set("now", &now);
  show_set("saved", &((ucontext_t*)context)->uc_sigmask);
  printf("\n");
}
static void counter(int signo UNUSED) { count++; }

int main(void) {
  struct sigaction action = {.sa_flags = SA_SIGINFO};
  action.sa_sigaction = handler;
  sigaddset(&action.sa_mask, SIGWINCH);
  MUST(sigaction(SIGUSR1, &action, NULL));
  MUST(sigaction(SIGUSR2, &action, NULL));
  sigset_t block, temporary, now;
  sigemptyset(&block);
  sigaddset(&block, SIGUSR1), sigaddset(&block, SIGUSR2), sigaddset(&block, SIGSEGV);
  MUST(sigprocmask(SIG_SETMASK, &block, NULL));
  sigemptyset(&temporary);
  sigaddset(&temporary, SIGHUP);
  raise(SIGUSR1), raise(SIGUSR2);
  SHOW(sigsuspend(&temporary));
  sigprocmask(SIG_SETMASK, NULL, &now);
  show_set("after", &now);
  printf("\n");
  raise(SIGUSR2);
  SHOW(ppoll(NULL, 0, NULL, &temporary));
  // Blocked in the call too, so it runs out of time instead.
  raise(SIGUSR2);
  struct timespec soon = {0, 1000000};
  SHOW(ppoll(NULL, 0, &soon, &block));
  SHOW(ppoll(NULL, 0, NULL, &temporary));
  // A SIGSEGV sent by kill, unblocked by the temporary mask only.
  MUST(sigaction(SIGSEGV, &action, NULL));
  raise(SIGSEGV);
  SHOW(sigsuspend(&temporary));
  raise(SIGSEGV);
  SHOW(ppoll(NULL, 0, NULL, &temporary));

  signal(SIGUSR1, counter);
  pid_t parent = getpid(), child = MUST(fork());
  if (child == 0) {
    for (int i = 0; i < 2000; i++) {
      kill(parent, SIGUSR1);
      if (i % 16 == 0) sched_yield();
    }
    _exit(0);
  }
  // Every wake-up of sigsuspend has run the handler exactly once.
  int wakeups = 0, wrong = 0, status;
  signal(SIGCHLD, counter);
  sigaddset(&block, SIGCHLD);
  sigprocmask(SIG_SETMASK, &block, NULL);
  while (waitpid(child, &status, WNOHANG) == 0) {
    int before = count;
    sigemptyset(&temporary);
    if (sigsuspend(&temporary) != -1 || errno != EINTR) wrong++;
    if (count == before) wrong++;
    wakeups++;
  }
  printf("wrong %d, some %d\n", wrong, wakeups > 0);
  show_status("child", status);
  return guest_failed();
}
