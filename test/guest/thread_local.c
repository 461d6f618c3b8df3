// Shows: thread-local variables are each thread's own, with their initial values, and survive system calls.
// run: both
#include "guest.h"

static __thread long value = 42;
static __thread char buffer[5000];
static pthread_key_t key;
static int destroyed;
static void destroy(void* p UNUSED) { __atomic_fetch_add(&destroyed, 1, __ATOMIC_RELAXED); }
static void* work(void* argument) {
  long me = (long)argument, bad = 0;
  if (value != 42 || buffer[4999]) bad++;
  value = me;
  memset(buffer, (int)me, sizeof buffer);
  pthread_setspecific(key, argument);
  errno = (int)me;
  for (int i = 0; i < 100; i++) {
    syscall(SYS_gettid);
    if (i % 10 == 0) sched_yield();
    if (value != me || buffer[i] != (char)me || errno != (int)me || pthread_getspecific(key) != argument) bad++;
  }
  return (void*)bad;
}

int main(void) {
  pthread_key_create(&key, destroy);
  pthread_t threads[16];
  for (long i = 0; i < 16; i++) MUST(-pthread_create(&threads[i], NULL, work, (void*)(i + 1)));
  for (int i = 0; i < 16; i++) {
    void* bad;
    pthread_join(threads[i], &bad);
    printf("thread %d: %ld bad\n", i, (long)bad);
  }
  printf("destroyed %d main value %ld\n", destroyed, value);
  value = 7;
  pid_t child = MUST(fork());
  if (!child) _exit(value == 7 ? 0 : 1);
  reap("child", child);
  return 0;
}
