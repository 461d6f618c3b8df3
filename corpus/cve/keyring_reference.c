// Joins session keyrings again and again, as the overflow of their reference count needs.
// @technique T1068
// @weakness CWE-911
// @cve CVE-2016-0728
// @stopped-by gate
// @options {"policy":"compat","isolation":"none"}
// @control native
// @control-done join
// @attempts 2
#include "../attack.h"

int main(void) {
  ATTEMPT("join", syscall(SYS_keyctl, 1, "barchan-attack", 0, 0, 0));
  ATTEMPT("add a key", syscall(SYS_add_key, "user", "barchan-attack", "x", 1, -2) >= 0 ? 0 : -1);
  return 0;
}
