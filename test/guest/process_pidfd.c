// Shows: pidfds: open, poll, send a signal, wait by one, clone3 with CLONE_PIDFD.
#include <linux/sched.h>
#include <poll.h>

#include "guest.h"

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

int main(void) {
  pid_t pid = MUST(fork());
  if (!pid) {
    for (;;) pause();
  }
  int fd = OK((int)syscall(SYS_pidfd_open, pid, 0));
  struct pollfd poller = {fd, POLLIN, 0};
  SHOW(poll(&poller, 1, 0));
  SHOW(syscall(SYS_pidfd_send_signal, fd, SIGUSR1, NULL, 0));
  SHOW(poll(&poller, 1, 5000));
  siginfo_t info;
  SHOW(waitid(P_PIDFD, (id_t)fd, &info, WEXITED));
  printf("code %d status %d\n", info.si_code, info.si_status);
  SHOW(syscall(SYS_pidfd_send_signal, fd, SIGUSR1, NULL, 0));
  SHOW(syscall(SYS_pidfd_open, 99999999, 0));
  SHOW(syscall(SYS_pidfd_open, getpid(), 12345));
  int child_fd = -1;
  struct clone_args arguments = {.flags = CLONE_PIDFD, .pidfd = (uintptr_t)&child_fd, .exit_signal = SIGCHLD};
  pid = (pid_t)syscall(SYS_clone3, &arguments, sizeof arguments);
  if (!pid) _exit(19);
  CHECK(pid > 0 && child_fd >= 0);
  SHOW(fcntl(child_fd, F_GETFD));
  SHOW(waitid(P_PIDFD, (id_t)child_fd, &info, WEXITED));
  printf("code %d status %d\n", info.si_code, info.si_status);
  // fork-like clone with a new pidfd by the old call.
  pid = (pid_t)syscall(SYS_clone, CLONE_PIDFD | SIGCHLD, 0, &child_fd, 0, 0);
  if (!pid) _exit(20);
  reap("clone", pid);
  return guest_failed();
}
