// Makes a file system's context and gives it parameters, as the heap overflow in legacy_parse_param needs.
// @technique T1068
// @weakness CWE-190
// @cve CVE-2022-0185
// @stopped-by gate
// @options {"policy":"compat","isolation":"none"}
// @control native
// @control-done fsopen
// @attempts 2
#include "../attack.h"

int main(void) {
  int context = syscall(SYS_fsopen, "tmpfs", 0);
  ATTEMPT("fsopen", context);
  ATTEMPT("fsconfig", getenv("ATTACK_NATIVE") ? -1 : syscall(SYS_fsconfig, context, 1, "size", "1", 0));
  return 0;
}
