// Shows: queued real-time signals: order, values, sigwaitinfo, sigtimedwait, signalfd; who may forge si_code.
// run: both
#include "guest.h"
#include <sys/signalfd.h>

static void handler(int signo, siginfo_t* info, void* context UNUSED) {
  printf("handler %d value %d code %d\n", signo - SIGRTMIN, info->si_value.sival_int, info->si_code);
}

static void queue_all(void) {
  for (int i = 0; i < 3; i++)
    for (int s = 2; s >= 0; s--) {
      union sigval value = {.sival_int = s * 10 + i};
      MUST(sigqueue(getpid(), SIGRTMIN + s, value));
    }
}

int main(void) {
  sigset_t set, old;
  sigemptyset(&set);
  for (int s = 0; s < 3; s++) sigaddset(&set, SIGRTMIN + s);
  sigaddset(&set, SIGUSR1);
  struct sigaction action = {.sa_flags = SA_SIGINFO, .sa_mask = set};
  action.sa_sigaction = handler;
  for (int s = 0; s < 3; s++) MUST(sigaction(SIGRTMIN + s, &action, NULL));
  MUST(sigprocmask(SIG_BLOCK, &set, &old));
  queue_all();
  MUST(sigprocmask(SIG_SETMASK, &old, NULL));
  puts("-- wait");
  MUST(sigprocmask(SIG_BLOCK, &set, &old));
  queue_all();
  siginfo_t info;
  for (int i = 0; i < 4; i++) {
    int signo = MUST(sigwaitinfo(&set, &info));
    printf("waited %d value %d code %d pid %d\n", signo - SIGRTMIN, info.si_value.sival_int, info.si_code,
           info.si_pid == getpid());
  }
  int fd = OK(signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
  struct signalfd_siginfo out[8];
  long got = SHOW(read(fd, out, sizeof out) / (long)sizeof *out);
  for (int i = 0; i < got; i++) printf("signalfd %d value %d\n", (int)out[i].ssi_signo - SIGRTMIN, out[i].ssi_int);
  SHOW(read(fd, out, sizeof out));
  SHOW(signalfd(7777, &set, 0));
  SHOW(signalfd(-1, &set, 12345));
  SHOW(syscall(SYS_signalfd4, -1, &set, 4, 0));
  SHOW(syscall(SYS_signalfd4, -1, 16, 8, 0));
  OK(syscall(SYS_signalfd, -1, &set, 8));
  struct timespec none = {0, 0}, bad = {0, 2000000000};
  SHOW(sigtimedwait(&set, &info, &none));
  SHOW(sigtimedwait(&set, &info, &bad));
  SHOW(syscall(SYS_rt_sigtimedwait, &set, &info, NULL, 4));
  raise(SIGUSR1);
  SHOW(syscall(SYS_rt_sigtimedwait, &set, 16, &none, 8));
  int signo = 0;
  raise(SIGUSR1);
  SHOW(sigwait(&set, &signo));
  printf("sigwait got %s\n", sigabbrev_np(signo));

  memset(&info, 0, sizeof info);
  info.si_code = SI_USER;
  SHOW(syscall(SYS_rt_sigqueueinfo, getppid(), SIGRTMIN, &info));
  info.si_code = SI_TKILL;
  SHOW(syscall(SYS_rt_sigqueueinfo, getppid(), SIGRTMIN, &info));
  info.si_code = SI_QUEUE;
  SHOW(syscall(SYS_rt_sigqueueinfo, getpid(), 99, &info));
  SHOW(syscall(SYS_rt_sigqueueinfo, getpid(), 0, &info));
  SHOW(syscall(SYS_rt_sigqueueinfo, getpid(), SIGRTMIN, 16));
  SHOW(syscall(SYS_rt_tgsigqueueinfo, getpid(), -1, SIGRTMIN, &info));
  SHOW(syscall(SYS_tgkill, getpid(), getpid() , 99));
  SHOW(kill(getpid(), 0));
  return guest_failed();
}
