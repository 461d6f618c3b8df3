// Shows: resource limits are read, set, inherited and enforced as the program sees them.
#include <sys/resource.h>
#include <sys/socket.h>

#include "guest.h"

int main(void) {
  struct rlimit limit;
  SHOW(getrlimit(RLIMIT_CORE, &limit));
  limit.rlim_cur = 0;
  SHOW(setrlimit(RLIMIT_CORE, &limit));
  SHOW(getrlimit(RLIMIT_CORE, &limit));
  printf("core %lu\n", limit.rlim_cur);
  SHOW(getrlimit(99, &limit));
  SHOW(getrlimit(RLIMIT_NOFILE, (struct rlimit*)8));
  SHOW(getrlimit(RLIMIT_NOFILE, &limit));
  CHECK(limit.rlim_cur >= 64 && limit.rlim_cur <= limit.rlim_max);
  limit.rlim_cur = 20;
  SHOW(setrlimit(RLIMIT_NOFILE, &limit));
  int last = -1, fd, count = 0;
  while ((fd = dup(1)) >= 0) {
    last = fd;
    count++;
  }
  printf("last %d: %s\n", last, errno_name(errno));
  SHOW(dup2(1, 20));
  SHOW(dup2(1, 19));
  SHOW(fcntl(1, F_DUPFD, 20));
  SHOW(fcntl(1, F_DUPFD, 10));
  SHOW(open("/dev/null", O_RDONLY));
  int pipes[2];
  SHOW(pipe(pipes));
  SHOW(socket(1, 1, 0));
  close(19);
  SHOW(pipe(pipes));
  SHOW(open("/dev/null", O_RDONLY));
  pid_t pid = MUST(fork());
  if (!pid) {
    getrlimit(RLIMIT_NOFILE, &limit);
    printf("inherited %lu\n", limit.rlim_cur);
    _exit(0);
  }
  reap("child", pid);
  for (int i = 3; i < 20; i++) close(i);
  limit.rlim_cur = 2;
  SHOW(setrlimit(RLIMIT_NOFILE, &limit));
  SHOW(open("/dev/null", O_RDONLY));
  limit.rlim_cur = limit.rlim_max + 1;
  SHOW(setrlimit(RLIMIT_NOFILE, &limit));
  limit.rlim_cur = limit.rlim_max = 64;
  SHOW(setrlimit(RLIMIT_NOFILE, &limit));
  struct rlimit old;
  SHOW(prlimit(0, RLIMIT_NOFILE, NULL, &old));
  printf("%lu %lu\n", old.rlim_cur, old.rlim_max);
  pid = MUST(fork());
  if (!pid) {
    struct rlimit cpu = {1, 1};
    setrlimit(RLIMIT_CPU, &cpu);
    for (;;) {
    }
  }
  int status = 0;
  MUST(waitpid(pid, &status, 0));
  printf("cpu limit: %s\n", WIFSIGNALED(status) && (WTERMSIG(status) == SIGXCPU || WTERMSIG(status) == SIGKILL) ? "killed" : "?");
  return guest_failed();
}
