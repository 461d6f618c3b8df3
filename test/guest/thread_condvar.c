// Shows: producers and consumers on condition variables pass every item once; timed waits time out.
#include "guest.h"

#define ITEMS 3000
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t not_full = PTHREAD_COND_INITIALIZER, not_empty = PTHREAD_COND_INITIALIZER;
static int queue[8], head, tail, produced, consumed;
static long sum;

static void* produce(void* argument UNUSED) {
  for (;;) {
    pthread_mutex_lock(&mutex);
    while (head - tail == 8 && produced < ITEMS) pthread_cond_wait(&not_full, &mutex);
    if (produced >= ITEMS) break;
    queue[head++ % 8] = produced++;
    pthread_cond_signal(&not_empty);
    pthread_mutex_unlock(&mutex);
  }
  pthread_cond_broadcast(&not_full);
  pthread_cond_broadcast(&not_empty);
  pthread_mutex_unlock(&mutex);
  return NULL;
}
static void* consume(void* argument UNUSED) {
  for (;;) {
    pthread_mutex_lock(&mutex);
    while (head == tail && consumed < ITEMS) pthread_cond_wait(&not_empty, &mutex);
    if (consumed >= ITEMS) break;
    sum += queue[tail++ % 8];
    consumed++;
    pthread_cond_signal(&not_full);
    if (consumed >= ITEMS) pthread_cond_broadcast(&not_empty);
    pthread_mutex_unlock(&mutex);
  }
  pthread_mutex_unlock(&mutex);
  return NULL;
}

int main(void) {
  pthread_t threads[6];
  for (int i = 0; i < 6; i++) MUST(-pthread_create(&threads[i], NULL, i & 1 ? produce : consume, NULL));
  for (int i = 0; i < 6; i++) pthread_join(threads[i], NULL);
  printf("consumed %d sum %ld\n", consumed, sum);
  struct timespec until;
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_nsec += 20000000;
  if (until.tv_nsec >= 1000000000) {
    until.tv_nsec -= 1000000000;
    until.tv_sec++;
  }
  double start = seconds();
  pthread_mutex_lock(&mutex);
  printf("timed wait: %s\n", errno_name(pthread_cond_timedwait(&not_empty, &mutex, &until)));
  CHECK(seconds() - start >= 0.015);
  return guest_failed();
}
