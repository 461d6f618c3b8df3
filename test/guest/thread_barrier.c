// Shows: barriers, reader-writer locks, semaphores, once, spin locks.
#include <semaphore.h>

#include "guest.h"

#define THREADS 8
static pthread_barrier_t barrier;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_spinlock_t spin;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static sem_t semaphore;
static int phase_count[5], serial, onces, inside, most_inside, a, b, torn;
static void once_only(void) { onces++; }

static void* work(void* argument) {
  for (int phase = 0; phase < 5; phase++) {
    __atomic_fetch_add(&phase_count[phase], 1, __ATOMIC_RELAXED);
    int result = pthread_barrier_wait(&barrier);
    if (result == PTHREAD_BARRIER_SERIAL_THREAD) __atomic_fetch_add(&serial, 1, __ATOMIC_RELAXED);
    if (__atomic_load_n(&phase_count[phase], __ATOMIC_RELAXED) != THREADS) printf("early in phase %d\n", phase);
  }
  pthread_once(&once, once_only);
  for (int i = 0; i < 200; i++) {
    if ((i + (long)argument) % 4 == 0) {
      pthread_rwlock_wrlock(&rwlock);
      a++;
      b++;
    } else {
      pthread_rwlock_rdlock(&rwlock);
      if (a != b) torn++;
    }
    pthread_rwlock_unlock(&rwlock);
  }
  for (int i = 0; i < 50; i++) {
    sem_wait(&semaphore);
    int now = __atomic_add_fetch(&inside, 1, __ATOMIC_SEQ_CST);
    pthread_spin_lock(&spin);
    if (now > most_inside) most_inside = now;
    pthread_spin_unlock(&spin);
    if (i % 10 == 0) sched_yield();
    __atomic_sub_fetch(&inside, 1, __ATOMIC_SEQ_CST);
    sem_post(&semaphore);
  }
  return NULL;
}

int main(void) {
  pthread_barrier_init(&barrier, NULL, THREADS);
  pthread_spin_init(&spin, PTHREAD_PROCESS_PRIVATE);
  sem_init(&semaphore, 0, 3);
  pthread_t threads[THREADS];
  for (long i = 0; i < THREADS; i++) MUST(-pthread_create(&threads[i], NULL, work, (void*)i));
  for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
  printf("serial %d onces %d torn %d written %d\n", serial, onces, torn, a);
  CHECK(most_inside >= 1 && most_inside <= 3);
  SHOW(sem_trywait(&semaphore));
  SHOW(sem_trywait(&semaphore));
  SHOW(sem_trywait(&semaphore));
  SHOW(sem_trywait(&semaphore));
  return guest_failed();
}
