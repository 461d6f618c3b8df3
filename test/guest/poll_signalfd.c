// Shows: signalfd delivers blocked signals with their data, under epoll and across fork.
#include <sys/epoll.h>
#include <sys/signalfd.h>

#include "guest.h"

int main(void) {
  sigset_t mask;
  sigemptyset(&mask);
  sigaddset(&mask, SIGUSR1);
  sigaddset(&mask, SIGUSR2);
  sigaddset(&mask, SIGCHLD);
  sigaddset(&mask, SIGRTMIN);
  SHOW(sigprocmask(SIG_BLOCK, &mask, NULL));
  int fd = OK(signalfd(-1, &mask, SFD_NONBLOCK | SFD_CLOEXEC));
  struct signalfd_siginfo info[4];
  SHOW(read(fd, info, sizeof info));
  MUST(kill(getpid(), SIGUSR1));
  SHOW(read(fd, info, sizeof info));
  printf("signo %u code %d own pid %d\n", info[0].ssi_signo, info[0].ssi_code, info[0].ssi_pid == (unsigned)getpid());
  union sigval value = {.sival_int = 4711};
  for (int i = 0; i < 3; i++) {
    value.sival_int++;
    MUST(sigqueue(getpid(), SIGRTMIN, value));
  }
  SHOW(read(fd, info, sizeof info) / (long)sizeof *info);
  for (int i = 0; i < 3; i++) printf("rt %d value %d\n", info[i].ssi_signo == (unsigned)SIGRTMIN, info[i].ssi_int);
  int set = MUST(epoll_create1(0));
  struct epoll_event event = {.events = EPOLLIN, .data.u32 = 5};
  SHOW(epoll_ctl(set, EPOLL_CTL_ADD, fd, &event));
  SHOW(epoll_wait(set, &event, 1, 0));
  pid_t child = MUST(fork());
  if (!child) _exit(23);
  SHOW(epoll_wait(set, &event, 1, 5000));
  SHOW(read(fd, info, sizeof info));
  printf("signo %u status %d pid %d\n", info[0].ssi_signo, info[0].ssi_status, info[0].ssi_pid == (unsigned)child);
  reap("child", child);
  sigemptyset(&mask);
  sigaddset(&mask, SIGUSR2);
  SHOW(signalfd(fd, &mask, 0) == fd);
  MUST(kill(getpid(), SIGUSR1));
  SHOW(read(fd, info, sizeof info));
  MUST(kill(getpid(), SIGUSR2));
  SHOW(read(fd, info, sizeof *info));
  printf("signo %u\n", info[0].ssi_signo);
  SHOW(read(fd, info, 10));
  SHOW(signalfd(0, &mask, 0));
  SHOW(signalfd(-1, &mask, 0x1234));
  return guest_failed();
}
