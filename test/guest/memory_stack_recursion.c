// Shows: the stack grows to 7 MB, and past its limit the program dies by SIGSEGV.
// run: both
#include <sys/resource.h>

#include "guest.h"

__attribute__((noinline)) static long down(long depth, long bytes) {
  volatile char frame[1000];
  frame[0] = (char)depth;
  frame[999] = 1;
  if (bytes <= 0) return depth;
  long result = down(depth + 1, bytes - 1048);
  return result + frame[999] - 1;
}

int main(void) {
  struct rlimit limit;
  MUST(getrlimit(RLIMIT_STACK, &limit));
  CHECK(limit.rlim_cur == 8 << 20);
  printf("depth %ld\n", down(0, 7 << 20));
  char* far_below = (char*)__builtin_frame_address(0) - (3 << 20);
  *(volatile char*)far_below = 1;
  CHECK(*far_below == 1);
  pid_t child = MUST(fork());
  if (!child) {
    printf("depth %ld\n", down(0, 20 << 20));
    _exit(0);
  }
  reap("overflow", child);
  child = MUST(fork());
  if (!child) {
    printf("child depth %ld\n", down(0, 7 << 20));
    _exit(3);
  }
  reap("deep child", child);
  return guest_failed();
}
