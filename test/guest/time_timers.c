// Shows: alarm, setitimer and POSIX timers fire by signal, thread or not at all, and report what is left.
#include <sys/time.h>

#include "guest.h"

static volatile int fired, threads;
static void count(int signo UNUSED) { fired++; }
static void notify(union sigval value) { __atomic_fetch_add(&threads, value.sival_int, __ATOMIC_SEQ_CST); }

int main(void) {
  struct sigaction action = {.sa_handler = count};
  sigaction(SIGALRM, &action, NULL);
  sigaction(SIGUSR1, &action, NULL);
  SHOW(alarm(100));
  long left = alarm(0);
  CHECK(left >= 99 && left <= 100);
  struct itimerval interval = {{0, 5000}, {0, 5000}}, old;
  SHOW(setitimer(ITIMER_REAL, &interval, NULL));
  while (fired < 5) pause();
  memset(&interval, 0, sizeof interval);
  SHOW(setitimer(ITIMER_REAL, &interval, &old));
  CHECK(old.it_interval.tv_usec == 5000);
  CHECK(fired >= 5);
  fired = 0;
  struct itimerval cpu = {{0, 0}, {0, 20000}};
  struct sigaction profile = {.sa_handler = count};
  sigaction(SIGVTALRM, &profile, NULL);
  SHOW(setitimer(ITIMER_VIRTUAL, &cpu, NULL));
  while (!fired) {
  }
  printf("virtual timer fired\n");
  fired = 0;
  timer_t timer;
  struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
  SHOW(timer_create(CLOCK_MONOTONIC, &event, &timer));
  struct itimerspec spec = {{0, 3000000}, {0, 3000000}}, now;
  SHOW(timer_settime(timer, 0, &spec, NULL));
  while (fired < 3) pause();
  SHOW(timer_gettime(timer, &now));
  CHECK(now.it_interval.tv_nsec == 3000000);
  CHECK(timer_getoverrun(timer) >= 0);
  SHOW(timer_delete(timer));
  SHOW(timer_delete(timer));
  event.sigev_notify = SIGEV_THREAD;
  event.sigev_notify_function = notify;
  event.sigev_value.sival_int = 1;
  SHOW(timer_create(CLOCK_REALTIME, &event, &timer));
  SHOW(timer_settime(timer, 0, &spec, NULL));
  while (__atomic_load_n(&threads, __ATOMIC_SEQ_CST) < 3) usleep(1000);
  SHOW(timer_delete(timer));
  event.sigev_notify = SIGEV_NONE;
  SHOW(timer_create(CLOCK_MONOTONIC, &event, &timer));
  spec.it_value.tv_sec = 50;
  SHOW(timer_settime(timer, 0, &spec, NULL));
  SHOW(timer_gettime(timer, &now));
  CHECK(now.it_value.tv_sec >= 49);
  SHOW(timer_create(99, &event, &timer));
  SHOW(setitimer(99, &interval, NULL));
  SHOW(setitimer(ITIMER_REAL, (void*)8, NULL));
  return guest_failed();
}
