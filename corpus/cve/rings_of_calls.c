// Makes a ring that calls go through beside the gate, with fixed files and workers of the kernel.
// @technique T1068
// @weakness CWE-416
// @cve CVE-2022-29582
// @stopped-by gate
// @options {"policy":"compat","isolation":"none"}
// @control native
// @control-done any
// @attempts 3
#include "../attack.h"

int main(void) {
  static char parameters[256];
  ATTEMPT("set up", syscall(SYS_io_uring_setup, 8, parameters));
  ATTEMPT("enter", syscall(SYS_io_uring_enter, 0, 1, 0, 0, NULL, 0));
  ATTEMPT("register", syscall(SYS_io_uring_register, -1, 0, NULL, 0));
  unsigned long context = 0;
  ATTEMPT("the older kind", syscall(SYS_io_setup, 8, &context));
  return 0;
}
