// Shows: threads that fault, map, protect and unmap at once never see another's bytes or a wrong fault.
// run: static ; timeout 60s
#include "guest.h"

#define THREADS 8
#define ROUNDS 150
static volatile int stop;
static char* shared_area;

static void* mapper(void* argument) {
  long me = (long)argument, bad = 0;
  for (int round = 0; round < ROUNDS; round++) {
    size_t size = 4096 * (size_t)(1 + (round * 7 + me) % 20);
    char* p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) return (void*)-1l;
    for (size_t i = 0; i < size; i += 4096) {
      if (p[i]) bad++;
      p[i] = (char)me;
    }
    mprotect(p, size, PROT_READ);
    for (size_t i = 0; i < size; i += 4096)
      if (p[i] != (char)me) bad++;
    shared_area[4096 * me + round % 4096]++;
    if (munmap(p, size)) bad++;
  }
  return (void*)bad;
}
static void* toggler(void* argument UNUSED) {
  char* page = shared_area + 4096 * 64;
  long flips = 0;
  while (!stop) {
    mprotect(page, 4096, PROT_READ);
    mprotect(page, 4096, PROT_READ | PROT_WRITE);
    *page = (char)flips++;
  }
  return flips > 0 ? NULL : (void*)1l;
}

int main(void) {
  shared_area = MUST((char*)mmap(NULL, 4096 * 128, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  pthread_t threads[THREADS], flip;
  pthread_create(&flip, NULL, toggler, NULL);
  for (long i = 0; i < THREADS; i++) pthread_create(&threads[i], NULL, mapper, (void*)i);
  for (int i = 0; i < THREADS; i++) {
    void* bad;
    pthread_join(threads[i], &bad);
    printf("thread %d: %ld bad\n", i, (long)bad);
  }
  stop = 1;
  void* result;
  pthread_join(flip, &result);
  printf("toggler %ld\n", (long)result);
  long sum = 0;
  for (int i = 0; i < 4096 * THREADS; i++) sum += shared_area[i];
  printf("sum %ld\n", sum);
  return 0;
}
