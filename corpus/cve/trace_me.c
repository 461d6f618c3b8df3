// Has its parent trace it, as the confusion of credentials in ptrace_link needs.
// @technique T1068
// @weakness CWE-269
// @cve CVE-2019-13272
// @stopped-by gate
// @options {"policy":"compat","isolation":"none"}
// @control native
// @control-done trace me
// @attempts 1
#include <sys/ptrace.h>

#include "../attack.h"

int main(void) {
  IN_CHILD("trace me", if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0) _exit(1));
  return 0;
}
