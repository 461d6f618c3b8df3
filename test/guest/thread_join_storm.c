// Shows: 500 threads created and joined, in waves and one by one, all return their value.
#include "guest.h"

static void* work(void* argument) { return (void*)((long)argument * 3); }

int main(void) {
  long sum = 0;
  for (long i = 0; i < 300; i++) {
    pthread_t thread;
    void* result;
    MUST(-pthread_create(&thread, NULL, work, (void*)i));
    MUST(-pthread_join(thread, &result));
    sum += (long)result;
  }
  printf("one by one %ld\n", sum);
  sum = 0;
  for (int wave = 0; wave < 5; wave++) {
    pthread_t threads[40];
    for (long i = 0; i < 40; i++) MUST(-pthread_create(&threads[i], NULL, work, (void*)i));
    for (int i = 0; i < 40; i++) {
      void* result;
      MUST(-pthread_join(threads[i], &result));
      sum += (long)result;
    }
  }
  printf("in waves %ld\n", sum);
  return 0;
}
