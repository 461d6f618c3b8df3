// Shows: eventfd counters and semaphores, timerfd expirations, both under poll and between processes.
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>

#include "guest.h"

int main(void) {
  int fd = OK(eventfd(3, EFD_NONBLOCK));
  uint64_t value = 4;
  SHOW(write(fd, &value, 8));
  SHOW(read(fd, &value, 8));
  printf("value %lu\n", value);
  SHOW(read(fd, &value, 8));
  SHOW(read(fd, &value, 4));
  value = ~0ul;
  SHOW(write(fd, &value, 8));
  value = ~0ul - 1;
  SHOW(write(fd, &value, 8));
  value = 1;
  SHOW(write(fd, &value, 8));
  int semaphore = MUST(eventfd(2, EFD_SEMAPHORE | EFD_NONBLOCK));
  for (int i = 0; i < 3; i++) {
    value = 0;
    SHOW(read(semaphore, &value, 8));
    printf("value %lu\n", value);
  }
  SHOW(eventfd(0, 0x1234));
  int both = MUST(eventfd(0, 0));
  pid_t child = MUST(fork());
  if (!child) {
    usleep(10000);
    value = 42;
    MUST(write(both, &value, 8));
    _exit(0);
  }
  SHOW(read(both, &value, 8));
  printf("value %lu\n", value);
  reap("child", child);
  int timer = OK(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK));
  SHOW(read(timer, &value, 8));
  struct itimerspec spec = {{0, 2000000}, {0, 2000000}}, now;
  SHOW(timerfd_settime(timer, 0, &spec, NULL));
  struct pollfd poller = {timer, POLLIN, 0};
  SHOW(poll(&poller, 1, 5000));
  usleep(10000);
  SHOW(read(timer, &value, 8));
  CHECK(value >= 5);
  SHOW(timerfd_gettime(timer, &now));
  CHECK(now.it_interval.tv_nsec == 2000000);
  memset(&spec, 0, sizeof spec);
  SHOW(timerfd_settime(timer, 0, &spec, NULL));
  usleep(5000);
  spec.it_value.tv_nsec = 1000000000;
  SHOW(timerfd_settime(timer, 0, &spec, NULL));
  SHOW(timerfd_settime(timer, 0, (void*)8, NULL));
  SHOW(timerfd_settime(0, 0, &now, NULL));
  SHOW(timerfd_create(99, 0));
  clock_gettime(CLOCK_REALTIME, &spec.it_value);
  int absolute = MUST(timerfd_create(CLOCK_REALTIME, 0));
  SHOW(timerfd_settime(absolute, TFD_TIMER_ABSTIME, &spec, NULL));
  SHOW(read(absolute, &value, 8));
  printf("value %lu\n", value);
  return guest_failed();
}
