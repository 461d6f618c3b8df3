// Holds the kernel in the middle of a copy, by faults that it answers itself: the step that makes most races easy.
// @technique T1068
// @weakness CWE-367
// @stopped-by gate
// @options {"policy":"compat"}
// @control native
// @attempts 2
#include "../attack.h"

int main(void) {
  ATTEMPT("faults answered by itself", syscall(SYS_userfaultfd, O_CLOEXEC));
  ATTEMPT("of user mode alone", syscall(SYS_userfaultfd, O_CLOEXEC | 1));
  return 0;
}
