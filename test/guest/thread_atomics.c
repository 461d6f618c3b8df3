// Shows: atomic operations between threads are atomic: adds, exchanges, 16-byte compare-and-swap, store ordering.
// run: both ; flags: -mcx16
#include "guest.h"

static long counter, casses;
static volatile long flag, data;
static struct __attribute__((aligned(16))) pair {
  uint64_t low, high;
} pair;
static int cas16(struct pair* at, struct pair* expected, struct pair desired) {
  char done;
  __asm__ volatile("lock cmpxchg16b %1"
                   : "=@ccz"(done), "+m"(*at), "+a"(expected->low), "+d"(expected->high)
                   : "b"(desired.low), "c"(desired.high)
                   : "memory");
  return done;
}
static void* work(void* argument UNUSED) {
  for (int i = 0; i < 20000; i++) {
    __atomic_fetch_add(&counter, 1, __ATOMIC_SEQ_CST);
    long seen = __atomic_load_n(&casses, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(&casses, &seen, seen + 2, 0, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED)) {
    }
    struct pair old = pair;
    while (!cas16(&pair, &old, (struct pair){old.low + 1, old.high + 3})) {
    }
  }
  return NULL;
}
static void* publish(void* argument UNUSED) {
  for (long i = 1; i <= 500; i++) {
    data = i * 7;
    __atomic_store_n(&flag, i, __ATOMIC_RELEASE);
    while (__atomic_load_n(&flag, __ATOMIC_ACQUIRE) == i) sched_yield();
  }
  return NULL;
}

int main(void) {
  pthread_t threads[4];
  for (int i = 0; i < 4; i++) pthread_create(&threads[i], NULL, work, NULL);
  for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
  printf("%ld %ld %lu %lu\n", counter, casses, pair.low, pair.high);
  pthread_create(&threads[0], NULL, publish, NULL);
  long bad = 0;
  for (long i = 1; i <= 500; i++) {
    while (__atomic_load_n(&flag, __ATOMIC_ACQUIRE) != i) sched_yield();
    if (data != i * 7) bad++;
    __atomic_store_n(&flag, -i, __ATOMIC_RELEASE);
  }
  pthread_join(threads[0], NULL);
  printf("bad %ld\n", bad);
  return 0;
}
