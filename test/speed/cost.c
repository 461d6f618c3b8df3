// For each byte of input, does one round of work that never leaves the guest and prints the nanoseconds of processor
// time that it took: 'k' reads the clock by the vdso, 'c' computes. Processor time does not count the time that other
// work of the machine takes, and does count what the host spends on this thread (its timer's interrupts).
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static uint64_t spent(void) {
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static volatile uint64_t sink;

static void read_clock(void) {
  struct timespec t;
  for (unsigned i = 0; i < 2000000; i++) clock_gettime(CLOCK_MONOTONIC, &t);
  sink = (uint64_t)t.tv_nsec;
}

// A chain of dependent multiplications over a table that fits the first-level cache.
static void compute(void) {
  static uint64_t table[1024];
  uint64_t x = 88172645463325252u;
  for (unsigned i = 0; i < 12000000; i++) {
    x = x * 6364136223846793005u + 1442695040888963407u;
    table[x >> 54] += x;
    x ^= table[(x >> 20) & 1023];
  }
  sink = x;
}

int main(void) {
  char kind;
  while (read(0, &kind, 1) == 1) {
    const uint64_t start = spent();
    if (kind == 'k') read_clock();
    else compute();
    dprintf(1, "%lu\n", spent() - start);
  }
  return 0;
}
