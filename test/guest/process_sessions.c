// Shows: process groups and sessions: setpgid, setsid, getsid, kill to a group, and the errors.
#include <sys/ioctl.h>
#include <termios.h>

#include "guest.h"

int main(void) {
  pid_t pid = MUST(fork());
  if (!pid) {
    SHOW(setpgid(0, 0));
    CHECK(getpgrp() == getpid() && getpgid(0) == getpid());
    SHOW(setsid());
    _exit(guest_failed());
  }
  reap("leader cannot setsid", pid);
  pid = MUST(fork());
  if (!pid) {
    CHECK(setsid() == getpid());
    CHECK(getsid(0) == getpid() && getpgrp() == getpid());
    SHOW(setpgid(0, 0));
    SHOW(open("/dev/tty", O_RDWR));
    SHOW(tcgetpgrp(0));
    pid_t members[3];
    for (int i = 0; i < 3; i++) {
      members[i] = MUST(fork());
      if (!members[i]) {
        setpgid(0, i ? members[0] : 0);
        for (;;) pause();
      }
      MUST(setpgid(members[i], members[0]));
    }
    CHECK(getpgid(members[2]) == members[0] && getsid(members[1]) == getpid());
    SHOW(kill(-members[0], SIGUSR1));
    for (int i = 0; i < 3; i++) reap("member", members[i]);
    SHOW(kill(-members[0], SIGUSR1));
    SHOW(setpgid(99999999, 0));
    SHOW(setpgid(0, 99999999));
    SHOW(setpgid(0, -1));
    SHOW(getpgid(99999999));
    SHOW(getsid(99999999));
    _exit(guest_failed());
  }
  reap("session", pid);
  pid = MUST(fork());
  if (!pid) {
    execl("/bin/true", "true", NULL);
    pause();
    _exit(0);
  }
  usleep(50000);
  int result = setpgid(pid, pid);
  CHECK(result == 0 || errno == EACCES || errno == ESRCH);
  kill(pid, SIGKILL);
  waitpid(pid, NULL, 0);
  return guest_failed();
}
