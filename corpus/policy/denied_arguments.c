// A rule on an argument: the same number with bits above what the kernel looks at, signed, and changed by a thread.
// @technique T1562
// @weakness CWE-843
// @stopped-by policy
// @options {"policy":{"profile":"compat","rules":[{"calls":["socket"],"action":"deny","errno":"EXDEV","when":{"domain":1}},{"calls":["kill"],"action":"deny","errno":"EXDEV","when":{"sig":{"above":0}}}]},"isolation":"none"}
// @control {"policy":"compat","isolation":"none"}
// @control-done plain,upper half set
// @attempts 5
#include "../attack.h"

static long raw(long number, long a, long b, long c) {
  long result;
  __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
  if (result < 0) errno = -result;
  return result < 0 ? -1 : result;
}

int main(void) {
  signal(SIGURG, SIG_IGN);
  ATTEMPT("plain", raw(SYS_socket, AF_UNIX, SOCK_STREAM, 0));
  ATTEMPT("upper half set", raw(SYS_socket, AF_UNIX | 0x5555555500000000, SOCK_STREAM, 0));
  ATTEMPT("upper half all ones", raw(SYS_socket, AF_UNIX | ~0UL << 32, SOCK_STREAM, 0));
  ATTEMPT("kill", raw(SYS_kill, getpid(), SIGURG, 0));
  ATTEMPT("kill with upper half", raw(SYS_kill, getpid(), SIGURG | 1L << 32, 0));
  return 0;
}
