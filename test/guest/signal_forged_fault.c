// Shows: SIGSEGV and SIGBUS that are sent, not raised: by kill, with a processor's si_code, while blocked, ignored;
//        by F_SETSIG and as a child's exit signal.
// run: both
#include "guest.h"
#include <sched.h>
#include <sys/socket.h>

static volatile int seen;
static volatile int* volatile nowhere = (int*)16;
static void handler(int signo, siginfo_t* info, void* context UNUSED) {
  seen++;
  printf("%s code %d", sigabbrev_np(signo), info->si_code);
  if (info->si_code == SEGV_MAPERR && info->si_addr == (void*)0x1234) printf(" addr 0x1234");
  printf("\n");
}

int main(void) {
  struct sigaction action = {.sa_flags = SA_SIGINFO};
  action.sa_sigaction = handler;
  MUST(sigaction(SIGSEGV, &action, NULL));
  MUST(sigaction(SIGBUS, &action, NULL));
  SHOW(raise(SIGSEGV));
  SHOW(kill(getpid(), SIGBUS));
  siginfo_t info;
  memset(&info, 0, sizeof info);
  info.si_code = SEGV_MAPERR;
  info.si_addr = (void*)0x1234;
  SHOW(syscall(SYS_rt_sigqueueinfo, getpid(), SIGSEGV, &info));
  SHOW(syscall(SYS_rt_tgsigqueueinfo, getpid(), gettid(), SIGSEGV, &info));
  SHOW(syscall(SYS_rt_sigqueueinfo, getppid(), SIGSEGV, &info));

  sigset_t set, old, pending;
  sigemptyset(&set);
  sigaddset(&set, SIGSEGV), sigaddset(&set, SIGBUS);
  MUST(sigprocmask(SIG_BLOCK, &set, &old));
  raise(SIGSEGV), raise(SIGBUS), raise(SIGSEGV);
  printf("blocked, seen %d\n", seen);
  sigpending(&pending);
  printf("pending segv %d bus %d usr1 %d\n", sigismember(&pending, SIGSEGV), sigismember(&pending, SIGBUS),
         sigismember(&pending, SIGUSR1));
  MUST(sigprocmask(SIG_SETMASK, &old, NULL));
  MUST(sigprocmask(SIG_BLOCK, &set, &old));
  raise(SIGSEGV), raise(SIGBUS);
  siginfo_t waited;
  for (int i = 0; i < 2; i++) printf("waited %s\n", sigabbrev_np(MUST(sigwaitinfo(&set, &waited))));
  // Bad pointers still come back as EFAULT while they are blocked.
  SHOW(syscall(SYS_rt_sigprocmask, SIG_BLOCK, 4096, NULL, 8));
  SHOW(write(1, (void*)4096, 4));
  MUST(sigprocmask(SIG_SETMASK, &old, NULL));

  signal(SIGSEGV, SIG_IGN);
  SHOW(raise(SIGSEGV));
  SHOW(syscall(SYS_rt_sigprocmask, SIG_BLOCK, 4096, NULL, 8));
  MUST(sigaction(SIGSEGV, &action, NULL));

  int s[2];
  MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
  MUST(fcntl(s[0], F_SETSIG, SIGSEGV));
  MUST(fcntl(s[0], F_SETOWN, getpid()));
  MUST(fcntl(s[0], F_SETFL, O_ASYNC | O_NONBLOCK));
  MUST(write(s[1], "x", 1));
  pid_t child = MUST(syscall(SYS_clone, SIGBUS, 0, 0, 0, 0));
  if (child == 0) _exit(0);
  int status;
  while (waitpid(child, &status, __WALL) < 0) {
  }
  show_status("child", status);

  // Each kind of death.
  for (int i = 0; i < 6; i++) {
    child = MUST(fork());
    if (child == 0) {
      signal(SIGSEGV, SIG_DFL);
      if (i == 0) raise(SIGSEGV);
      if (i == 1) *nowhere = 1;
      if (i == 2) signal(SIGSEGV, SIG_IGN), *nowhere = 1;
      if (i == 3) sigprocmask(SIG_BLOCK, &set, NULL), *nowhere = 1;
      if (i == 4) signal(SIGSEGV, SIG_IGN), raise(SIGSEGV);
      if (i == 5) syscall(SYS_rt_sigqueueinfo, getpid(), SIGSEGV, &info);
      _exit(7);
    }
    reap("death", child);
  }
  return guest_failed();
}
