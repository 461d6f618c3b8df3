// Shows: rdtsc and rdtscp never go back, run at one rate with the clock, and agree between parent and child.
#include "guest.h"

static uint64_t rdtsc(void) {
  unsigned low, high;
  __asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high));
  return (uint64_t)high << 32 | low;
}
static uint64_t rdtscp(void) {
  unsigned low, high, processor;
  __asm__ volatile("rdtscp" : "=a"(low), "=d"(high), "=c"(processor));
  return (uint64_t)high << 32 | low;
}

int main(void) {
  int backwards = 0;
  uint64_t last = rdtsc();
  for (int i = 0; i < 100000; i++) {
    uint64_t now = rdtsc();
    backwards += now < last;
    last = now;
  }
  printf("backwards %d\n", backwards);
  uint64_t p = rdtscp();
  CHECK(p >= last && rdtscp() >= p);
  uint64_t t0 = rdtsc();
  double s0 = seconds();
  while (seconds() - s0 < 0.05) {
  }
  double rate1 = (double)(rdtsc() - t0) / (seconds() - s0);
  t0 = rdtsc();
  s0 = seconds();
  usleep(50000);
  double rate2 = (double)(rdtsc() - t0) / (seconds() - s0);
  CHECK(rate1 > 1e6 && rate1 / rate2 > 0.9 && rate1 / rate2 < 1.1);
  uint64_t before = rdtsc();
  int pipes[2];
  MUST(pipe(pipes));
  pid_t child = MUST(fork());
  if (!child) {
    uint64_t now = rdtsc();
    MUST(write(pipes[1], &now, 8));
    _exit(0);
  }
  uint64_t in_child = 0;
  MUST(read(pipes[0], &in_child, 8));
  CHECK(before <= in_child && in_child <= rdtsc());
  reap("child", child);
  return guest_failed();
}
