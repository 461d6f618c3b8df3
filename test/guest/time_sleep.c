// Shows: sleeps last at least as long as asked, absolute ones end at their time, and bad times are refused.
#include <sys/select.h>
#include <poll.h>

#include "guest.h"

int main(void) {
  struct timespec ms = {0, 5000000}, rest;
  double start = seconds();
  SHOW(nanosleep(&ms, &rest));
  CHECK(seconds() - start >= 0.005);
  start = seconds();
  SHOW(usleep(3000));
  CHECK(seconds() - start >= 0.003);
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  at.tv_nsec += 10000000;
  if (at.tv_nsec >= 1000000000) {
    at.tv_nsec -= 1000000000;
    at.tv_sec++;
  }
  SHOW(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL));
  CHECK(seconds() >= (double)at.tv_sec + (double)at.tv_nsec * 1e-9);
  SHOW(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL));
  start = seconds();
  SHOW(poll(NULL, 0, 5));
  CHECK(seconds() - start >= 0.005);
  struct timeval tv = {0, 5000};
  start = seconds();
  SHOW(select(0, NULL, NULL, NULL, &tv));
  CHECK(seconds() - start >= 0.005);
  CHECK(tv.tv_sec == 0 && tv.tv_usec == 0);
  struct timespec bad = {0, 1000000000}, negative = {-1, 0};
  SHOW(nanosleep(&bad, NULL));
  SHOW(nanosleep(&negative, NULL));
  SHOW(nanosleep((void*)8, NULL));
  SHOW(nanosleep((void*)0xffff800000000000, NULL));
  SHOW(clock_nanosleep(99, 0, &ms, NULL));
  SHOW(ppoll(NULL, 0, &bad, NULL));
  return guest_failed();
}
