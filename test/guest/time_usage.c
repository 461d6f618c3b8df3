// Shows: processor time of the process, its threads and its children is counted and grows.
#include <sys/resource.h>
#include <sys/times.h>

#include "guest.h"

static double cpu(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}
static void burn(double duration) {
  double until = cpu(CLOCK_THREAD_CPUTIME_ID) + duration;
  while (cpu(CLOCK_THREAD_CPUTIME_ID) < until) {
  }
}

int main(void) {
  double before = cpu(CLOCK_PROCESS_CPUTIME_ID);
  burn(0.03);
  CHECK(cpu(CLOCK_PROCESS_CPUTIME_ID) - before >= 0.029);
  struct rusage self, children;
  SHOW(getrusage(RUSAGE_SELF, &self));
  CHECK(self.ru_utime.tv_sec + self.ru_stime.tv_sec < 20);
  CHECK(self.ru_utime.tv_usec + self.ru_stime.tv_usec > 0);
  CHECK(self.ru_maxrss > 0);
  SHOW(getrusage(RUSAGE_THREAD, &self));
  pid_t child = MUST(fork());
  if (!child) {
    burn(0.03);
    _exit(0);
  }
  struct rusage usage;
  int status;
  CHECK(wait4(child, &status, 0, &usage) == child);
  CHECK(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec > 10000);
  SHOW(getrusage(RUSAGE_CHILDREN, &children));
  CHECK(children.ru_utime.tv_usec + children.ru_stime.tv_usec > 10000);
  struct tms t;
  CHECK(times(&t) != -1);
  SHOW(getrusage(99, &self));
  SHOW(getrusage(RUSAGE_SELF, (struct rusage*)8));
  clockid_t clock;
  SHOW(clock_getcpuclockid(0, &clock));
  CHECK(cpu(clock) > 0);
  pthread_t me = pthread_self();
  SHOW(pthread_getcpuclockid(me, &clock));
  CHECK(cpu(clock) > 0.02);
  unsigned processor;
  SHOW(syscall(SYS_getcpu, &processor, NULL, NULL));
  CHECK(processor < 4096 && sched_getcpu() >= 0);
  return guest_failed();
}
