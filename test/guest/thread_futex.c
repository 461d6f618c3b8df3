// Shows: raw futex operations: mismatch, timeouts, wake counts, bit sets, requeue, wake-op, and their errors.
#include <linux/futex.h>

#include "guest.h"

static uint32_t word, other;
static int waiting, woken;
static long futex(uint32_t* at, int op, uint32_t value, const struct timespec* timeout, uint32_t* second, uint32_t third) {
  return syscall(SYS_futex, at, op, value, timeout, second, third);
}
static void* wait_once(void* argument) {
  __atomic_fetch_add(&waiting, 1, __ATOMIC_SEQ_CST);
  long mask = (long)argument;
  while (futex(&word, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, 0, NULL, NULL, (uint32_t)mask) == -1 && errno == EINTR) {
  }
  __atomic_fetch_add(&woken, 1, __ATOMIC_SEQ_CST);
  return NULL;
}
static void start(pthread_t* threads, int count, long mask) {
  waiting = woken = 0;
  for (int i = 0; i < count; i++) pthread_create(&threads[i], NULL, wait_once, (void*)mask);
  while (__atomic_load_n(&waiting, __ATOMIC_SEQ_CST) < count) usleep(1000);
  usleep(50000);
}

int main(void) {
  struct timespec brief = {0, 10000000}, zero = {0, 0}, wrong = {0, 2000000000};
  SHOW(futex(&word, FUTEX_WAIT, 1, NULL, NULL, 0));
  double begin = seconds();
  SHOW(futex(&word, FUTEX_WAIT, 0, &brief, NULL, 0));
  CHECK(seconds() - begin >= 0.009);
  SHOW(futex(&word, FUTEX_WAIT_BITSET, 0, &zero, NULL, ~0u));
  SHOW(futex(&word, FUTEX_WAIT, 0, &wrong, NULL, 0));
  SHOW(futex(&word, FUTEX_WAKE, 10, NULL, NULL, 0));
  SHOW(futex((uint32_t*)((char*)&word + 1), FUTEX_WAIT, 0, &brief, NULL, 0));
  SHOW(futex((uint32_t*)8, FUTEX_WAIT, 0, &brief, NULL, 0));
  SHOW(futex((uint32_t*)0xffff800000000000, FUTEX_WAIT, 0, &brief, NULL, 0));
  SHOW(futex((uint32_t*)0xffff800000000000, FUTEX_WAKE, 1, NULL, NULL, 0));
  SHOW(futex(&word, FUTEX_WAIT, 0, (struct timespec*)8, NULL, 0));
  SHOW(futex(&word, 99, 0, NULL, NULL, 0));
  SHOW(futex(&word, FUTEX_WAIT_BITSET, 0, NULL, NULL, 0));
  pthread_t threads[6];
  start(threads, 6, 1);
  SHOW(futex(&word, FUTEX_WAKE_BITSET | FUTEX_PRIVATE_FLAG, 10, NULL, NULL, 2));
  SHOW(futex(&word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 2, NULL, NULL, 0));
  SHOW(futex(&word, FUTEX_CMP_REQUEUE | FUTEX_PRIVATE_FLAG, 1, (void*)2, &other, 5));
  SHOW(futex(&word, FUTEX_CMP_REQUEUE | FUTEX_PRIVATE_FLAG, 1, (void*)2, &other, 0));
  SHOW(futex(&word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 10, NULL, NULL, 0));
  SHOW(futex(&other, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 10, NULL, NULL, 0));
  for (int i = 0; i < 6; i++) pthread_join(threads[i], NULL);
  printf("woken %d\n", woken);
  start(threads, 3, -1);
  SHOW(futex(&other, FUTEX_WAKE_OP | FUTEX_PRIVATE_FLAG, 1, (void*)10, &word, FUTEX_OP(FUTEX_OP_ADD, 7, FUTEX_OP_CMP_EQ, 0)));
  printf("word %u\n", word);
  for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
  return guest_failed();
}
