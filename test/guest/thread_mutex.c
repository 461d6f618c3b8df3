// Shows: 64 threads on one mutex lose no increment.
// run: both
#include "guest.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static long counter;
static void* work(void* argument UNUSED) {
  for (int i = 0; i < 1000; i++) {
    pthread_mutex_lock(&mutex);
    counter++;
    pthread_mutex_unlock(&mutex);
  }
  return NULL;
}

int main(void) {
  pthread_t threads[64];
  for (int i = 0; i < 64; i++) MUST(-pthread_create(&threads[i], NULL, work, NULL));
  for (int i = 0; i < 64; i++) MUST(-pthread_join(threads[i], NULL));
  printf("counter %ld\n", counter);
  return counter == 64000 ? 0 : 1;
}
