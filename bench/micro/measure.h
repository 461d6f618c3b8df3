// Purpose: what the micro benchmarks share: times `operation` and prints the nanoseconds that one takes, the best of some
//          batches, since what disturbs a batch only ever makes it longer.
#ifndef BARCHAN_BENCH_MEASURE_H
#define BARCHAN_BENCH_MEASURE_H

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

#define MEASURE(batches, times, operation)               \
  do {                                                   \
    double best = 1e18;                                  \
    for (int batch = 0; batch < (batches); batch++) {    \
      double start = now();                              \
      for (int i = 0; i < (times); i++) { operation; }   \
      double each = (now() - start) / (times);           \
      if (each < best) best = each;                      \
    }                                                    \
    printf("%.1f\n", best);                              \
  } while (0)

#endif
