// Shows: prctl: names, dumpable, no_new_privs, keepcaps, timer slack, and refusals.
#include <sys/prctl.h>

#include "guest.h"

int main(void) {
  char name[17] = "";
  SHOW(prctl(PR_SET_NAME, "a-very-long-thread-name"));
  SHOW(prctl(PR_GET_NAME, name));
  puts(name);
  char comm[32] = "";
  int fd = MUST(open("/proc/self/comm", O_RDONLY));
  MUST(read(fd, comm, 31));
  fputs(comm, stdout);
  SHOW(prctl(PR_SET_DUMPABLE, 0));
  SHOW(prctl(PR_GET_DUMPABLE));
  SHOW(prctl(PR_SET_DUMPABLE, 1));
  SHOW(prctl(PR_SET_DUMPABLE, 7));
  SHOW(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
  SHOW(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
  SHOW(prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0));
  SHOW(prctl(PR_SET_PDEATHSIG, 99));
  int signo = 5;
  SHOW(prctl(PR_SET_PDEATHSIG, SIGUSR1));
  SHOW(prctl(PR_GET_PDEATHSIG, &signo));
  printf("signo %d\n", signo);
  SHOW(prctl(PR_GET_PDEATHSIG, 8));
  SHOW(prctl(PR_SET_KEEPCAPS, 1));
  SHOW(prctl(PR_GET_KEEPCAPS));
  SHOW(prctl(PR_SET_TIMERSLACK, 60000));
  SHOW(prctl(PR_GET_TIMERSLACK));
  SHOW(prctl(PR_SET_CHILD_SUBREAPER, 1));
  int reaper = 0;
  SHOW(prctl(PR_GET_CHILD_SUBREAPER, &reaper));
  printf("reaper %d\n", reaper);
  SHOW(prctl(PR_CAPBSET_READ, 99));
  SHOW(prctl(12345, 0, 0, 0, 0));
  SHOW(prctl(PR_SET_NAME, 8));
  return 0;
}
