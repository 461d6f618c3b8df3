// As many computing threads as the argument says, with the same work in all; prints milliseconds.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { kMost = 64 };

static void* work(void* n) {
  volatile unsigned long x = 1;
  for (long i = 0; i < (long)n; i++) x = x * 6364136223846793005 + 1442695040888963407;
  return NULL;
}

int main(int argc, char** argv) {
  long count = argc > 1 ? atoi(argv[1]) : 0;
  if (count < 1 || count > kMost) return 2;
  pthread_t threads[kMost];
  struct timespec begin, end;
  clock_gettime(CLOCK_MONOTONIC, &begin);
  for (long i = 0; i < count; i++)
    if (pthread_create(&threads[i], NULL, work, (void*)(200000000L / count)) != 0) return 1;
  for (long i = 0; i < count; i++) pthread_join(threads[i], NULL);
  clock_gettime(CLOCK_MONOTONIC, &end);
  printf("%f\n", (double)(end.tv_sec - begin.tv_sec) * 1e3 + (double)(end.tv_nsec - begin.tv_nsec) / 1e6);
}
