// Recurses without end, with and without a stack for the signal that ends it.
// @technique T1499.004
// @weakness CWE-674
// @stopped-by kernel
// @options {"policy":"compat"}
// @control none: the limit on the stack is every process's own
// @attempts 2
#include "../attack.h"

__attribute__((noinline)) static int deeper(volatile char* before) {
  volatile char here[4096];
  here[0] = before[0];
  return deeper(here) + here[1];
}

int main(void) {
  IN_CHILD("recursion", deeper("x"));
  IN_CHILD("recursion in a handler", {
    signal(SIGSEGV, (sighandler_t)deeper);
    raise(SIGSEGV);
  });
  return 0;
}
