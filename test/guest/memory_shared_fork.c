// Shows: MAP_SHARED|MAP_ANONYMOUS memory stays common across fork, private memory does not.
// run: both
#include <sched.h>

#include "guest.h"

static int global = 1;

int main(void) {
  int* shared = MUST((int*)mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  int* private = MUST((int*)mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  int local = 1;
  shared[0] = private[0] = 1;
  for (int i = 0; i < 8; i++) {
    pid_t child = MUST(fork());
    if (!child) {
      global += 10;
      local += 10;
      private[0] += 10;
      shared[0] += 10;
      shared[4096 * (i + 1)] = i;  // untouched by the parent before
      private[4096] = i;
      printf("child %d: %d %d %d %d\n", i, global, local, private[0], shared[0]);
      _exit(i);
    }
    reap("child", child);
  }
  printf("parent: %d %d %d %d\n", global, local, private[0], shared[0]);
  for (int i = 0; i < 8; i++) printf("%d ", shared[4096 * (i + 1)]);
  printf("%d\n", private[4096]);
  // A spin hand-over between two processes.
  volatile int* turn = shared + 1;
  *turn = 0;
  pid_t child = MUST(fork());
  for (int n = 0; n < 50; n++) {
    int me = child ? 0 : 1;
    while (*turn != me) sched_yield();
    shared[2]++;
    *turn = !me;
  }
  if (!child) _exit(0);
  reap("partner", child);
  printf("turns %d\n", shared[2]);
  return guest_failed();
}
