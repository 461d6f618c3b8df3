// Shows: signals from timers: setitimer's three clocks, timer_create with values and per thread, alarm.
// run: both
#include "guest.h"
#include <sys/time.h>
#include <time.h>

static volatile int alarms, virtuals, profs, values;
static volatile int last_value, last_code;
static void on_alarm(int signo) {
  if (signo == SIGALRM) alarms++;
  if (signo == SIGVTALRM) virtuals++;
  if (signo == SIGPROF) profs++;
}
static void on_value(int signo UNUSED, siginfo_t* info, void* context UNUSED) {
  values++;
  last_value = info->si_value.sival_int;
  last_code = info->si_code;
}

int main(void) {
  signal(SIGALRM, on_alarm), signal(SIGVTALRM, on_alarm), signal(SIGPROF, on_alarm);
  struct itimerval fast = {{0, 2000}, {0, 2000}}, off = {{0, 0}, {0, 0}}, now;
  MUST(setitimer(ITIMER_REAL, &fast, NULL));
  while (alarms < 20) pause();
  MUST(setitimer(ITIMER_REAL, &off, &now));
  printf("interval %ld\n", (long)now.it_interval.tv_usec);
  // Processor-time clocks tick while the guest computes, with no call made.
  MUST(setitimer(ITIMER_VIRTUAL, &fast, NULL));
  double start = seconds();
  while (virtuals < 3 && seconds() - start < 20) {
  }
  MUST(setitimer(ITIMER_VIRTUAL, &off, NULL));
  MUST(setitimer(ITIMER_PROF, &fast, NULL));
  start = seconds();
  while (profs < 3 && seconds() - start < 20) {
  }
  MUST(setitimer(ITIMER_PROF, &off, NULL));
  printf("virtual %d prof %d\n", virtuals >= 3, profs >= 3);
  alarms = 0;
  alarm(1);
  SHOW(sleep(5) >= 3);
  printf("alarms %d\n", alarms);

  struct sigaction action = {.sa_flags = SA_SIGINFO};
  action.sa_sigaction = on_value;
  MUST(sigaction(SIGRTMIN + 3, &action, NULL));
  struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 3};
  event.sigev_value.sival_int = 4711;
  timer_t timer;
  MUST(timer_create(CLOCK_MONOTONIC, &event, &timer));
  struct itimerspec spec = {{0, 1000000}, {0, 1000000}};
  MUST(timer_settime(timer, 0, &spec, NULL));
  while (values < 10) {
  }
  MUST(timer_delete(timer));
  printf("value %d code %d\n", last_value, last_code);
  return guest_failed();
}
