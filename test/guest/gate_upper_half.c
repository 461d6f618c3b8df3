// Shows: of a call's number only the lower 32 bits count; with anything above, it is the same call, once.
// run: static
#include "guest.h"

static long with_upper_half(long number, unsigned long upper, long a, long b, long c) {
  long result;
  asm volatile("syscall" : "=a"(result) : "a"(number | (long)(upper << 32)), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
  return result;
}

int main(void) {
  unsigned long uppers[] = {1, 0x7fffffff, 0x80000000, 0xffffffff};
  for (unsigned i = 0; i < sizeof uppers / sizeof *uppers; i++) {
    unsigned long u = uppers[i];
    printf("upper half %lx\n", u);
    CHECK(with_upper_half(SYS_getpid, u, 0, 0, 0) == getpid());
    pid_t child = (pid_t)with_upper_half(SYS_fork, u, 0, 0, 0);
    if (!child) _exit(4);
    reap("fork", child);
    SHOW(waitpid(-1, NULL, WNOHANG));  // no other was made
    SHOW(with_upper_half(SYS_write, u, 1, (long)"written\n", 8));
    SHOW(with_upper_half(SYS_close, u, 99, 0, 0));
    SHOW(with_upper_half(SYS_dup2, u, 1, 1, 0));
    SHOW(with_upper_half(SYS_pipe2, u, 8, 0, 0));
    SHOW(with_upper_half(5000, u, 0, 0, 0));
  }
  return guest_failed();
}
