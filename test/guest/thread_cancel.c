// Shows: cancellation of threads blocked in system calls, asynchronous cancellation of a spinning one, clean-up order.
#include "guest.h"

static int pipes[2];
static volatile int spinning;
static void cleanup(void* text) { printf("cleanup %s\n", (char*)text); }
static void* in_read(void* argument UNUSED) {
  char c;
  pthread_cleanup_push(cleanup, "outer");
  pthread_cleanup_push(cleanup, "inner");
  (void)!read(pipes[0], &c, 1);
  puts("not reached");
  pthread_cleanup_pop(0);
  pthread_cleanup_pop(0);
  return NULL;
}
static void* in_sleep(void* argument UNUSED) {
  sleep(100);
  return NULL;
}
static void unlock(void* mutex) { pthread_mutex_unlock(mutex); }
static void* in_condition(void* argument UNUSED) {
  static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
  pthread_mutex_lock(&mutex);
  pthread_cleanup_push(unlock, &mutex);
  for (;;) pthread_cond_wait(&condition, &mutex);
  pthread_cleanup_pop(1);
  return NULL;
}
static void* in_spin(void* argument UNUSED) {
  pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
  spinning = 1;
  for (;;) {
  }
  return NULL;
}
static void* in_compute_disabled(void* argument UNUSED) {
  pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
  usleep(30000);
  return (void*)5l;
}

int main(void) {
  MUST(pipe(pipes));
  void* (*bodies[])(void*) = {in_read, in_sleep, in_condition, in_spin, in_compute_disabled};
  for (unsigned i = 0; i < 5; i++) {
    for (int round = 0; round < 3; round++) {
      pthread_t thread;
      MUST(-pthread_create(&thread, NULL, bodies[i], NULL));
      if (bodies[i] == in_spin) {
        while (!spinning) sched_yield();
        spinning = 0;
      } else {
        usleep(round * 5000 + 2000);
      }
      MUST(-pthread_cancel(thread));
      void* result;
      MUST(-pthread_join(thread, &result));
      printf("body %u: %s\n", i, result == PTHREAD_CANCELED ? "cancelled" : result == (void*)5l ? "five" : "other");
    }
  }
  return 0;
}
