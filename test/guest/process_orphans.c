// Shows: zombies stay until waited for; orphans go to the subreaper; a dying parent's signal; getppid.
#include <sys/prctl.h>

#include "guest.h"

static char state_of(pid_t pid) {
  char path[64], text[256] = "", state = '?';
  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  int fd = open(path, O_RDONLY);
  if (fd < 0) return '-';
  if (read(fd, text, sizeof text - 1) > 0) sscanf(strrchr(text, ')') + 1, " %c", &state);
  close(fd);
  return state;
}

int main(void) {
  pid_t pid = MUST(fork());
  if (!pid) _exit(1);
  for (int i = 0; i < 200 && state_of(pid) != 'Z'; i++) usleep(1000);
  printf("state %c\n", state_of(pid));
  SHOW(kill(pid, 0));
  reap("zombie", pid);
  printf("state %c\n", state_of(pid));
  SHOW(prctl(PR_SET_CHILD_SUBREAPER, 1));
  int pipes[2];
  MUST(pipe(pipes));
  pid_t me = getpid();
  pid = MUST(fork());
  if (!pid) {
    pid_t parent = getpid();
    CHECK(getppid() == me);
    if (!MUST(fork())) {
      while (getppid() == parent) usleep(1000);
      pid_t self[2] = {getpid(), getppid()};
      MUST(write(pipes[1], self, sizeof self));
      _exit(55);
    }
    _exit(2);
  }
  reap("parent of the orphan", pid);
  // The orphan tells rather than prints, as nothing orders its output and this process's.
  pid_t told[2], orphan;
  MUST(read(pipes[0], told, sizeof told));
  printf("orphan's parent is the subreaper: %d\n", told[1] == me);
  reap("orphan", told[0]);
  pid = MUST(fork());
  if (!pid) {
    pid_t grandchild = MUST(fork());
    if (!grandchild) {
      prctl(PR_SET_PDEATHSIG, SIGUSR1);
      MUST(write(pipes[1], &pid, sizeof pid));
      for (;;) pause();
    }
    MUST(read(pipes[0], &orphan, sizeof orphan));
    MUST(write(pipes[1], &grandchild, sizeof grandchild));
    _exit(0);
  }
  reap("short-lived parent", pid);
  MUST(read(pipes[0], &orphan, sizeof orphan));
  reap("parent-death signal", orphan);
  return guest_failed();
}
