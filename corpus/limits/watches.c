// Makes kernel objects that are counted per user without end: watches, queues, timers, semaphores, keys, pipes' memory.
// @technique T1499.001
// @weakness CWE-770
// @stopped-by kernel
// @options {"policy":"compat","rlimits":{"nofile":1024,"sigpending":64,"msgqueue":65536}}
// @control none: the host kernel counts these for every user
// @attempts 5
#include <mqueue.h>
#include <sys/inotify.h>
#include <sys/ipc.h>
#include <sys/sem.h>
#include <time.h>

#include "../attack.h"

int main(void) {
  int made = 0;
  for (; made < 5000 && inotify_init1(0) >= 0; made++) continue;
  MUST_NOT("5,000 watchers", made == 5000, error_name());
  for (int fd = 3; fd < 1024; fd++) close(fd);
  timer_t timer;
  for (made = 0; made < 5000 && timer_create(CLOCK_MONOTONIC, NULL, &timer) == 0; made++) continue;
  MUST_NOT("5,000 timers", made == 5000, error_name());
  sigset_t set;
  sigfillset(&set);
  sigprocmask(SIG_BLOCK, &set, NULL);
  for (made = 0; made < 5000 && sigqueue(getpid(), SIGRTMIN, (union sigval){0}) == 0; made++) continue;
  MUST_NOT("5,000 queued signals", made == 5000, error_name());
  struct mq_attr large = {.mq_maxmsg = 10, .mq_msgsize = 8192};
  char name[32];
  for (made = 0; made < 500; made++) {
    snprintf(name, sizeof name, "/attack-%d", made);
    if (mq_open(name, O_CREAT | O_RDWR, 0600, &large) < 0) break;
  }
  MUST_NOT("500 message queues", made == 500, error_name());
  int pipes[2];
  CONTROL("pipe", pipe(pipes) < 0 && errno != EMFILE ? -1 : 0);
  ATTEMPT("a pipe of 1 GiB", fcntl(pipes[1], F_SETPIPE_SZ, 1 << 30));
  return 0;
}
