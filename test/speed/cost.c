// Prints the least time, in picoseconds, of one clock_gettime and of one step of a compute loop, out of many
// short rounds, so that interruptions by other work of the machine do not count.
#include <stdint.h>
#include <stdio.h>
#include <time.h>

static uint64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t clock_round(unsigned steps) {
  struct timespec t;
  const uint64_t start = now();
  for (unsigned i = 0; i < steps; i++) clock_gettime(CLOCK_MONOTONIC, &t);
  return now() - start;
}

static volatile uint64_t sink;

// A chain of dependent multiplications over a table that fits the first-level cache.
static uint64_t compute_round(unsigned steps) {
  static uint64_t table[1024];
  uint64_t x = 88172645463325252u;
  const uint64_t start = now();
  for (unsigned i = 0; i < steps; i++) {
    x = x * 6364136223846793005u + 1442695040888963407u;
    table[x >> 54] += x;
    x ^= table[(x >> 20) & 1023];
  }
  sink = x;
  return now() - start;
}

static uint64_t least(uint64_t (*round)(unsigned), unsigned steps, unsigned rounds) {
  uint64_t best = UINT64_MAX;
  for (unsigned i = 0; i < rounds; i++) {
    const uint64_t took = round(steps);
    if (took < best) best = took;
  }
  return best * 1000 / steps;
}

int main(void) {
  printf("{\"clock\":%lu,\"compute\":%lu}\n", least(clock_round, 2000, 2000), least(compute_round, 20000, 4000));
  return 0;
}
