// Makes sockets of clusters (TIPC), as the overflow in its key messages needs.
// @technique T1068
// @weakness CWE-1284
// @cve CVE-2021-43267
// @stopped-by gate
// @options {"policy":"compat"}
// @control none: most kernels are built without it
// @attempts 2
#include "../attack.h"

int main(void) {
  ATTEMPT("socket", socket(30 /* AF_TIPC */, SOCK_RDM, 0));
  ATTEMPT("pair of sockets", socketpair(30 /* AF_TIPC */, SOCK_RDM, 0, (int[2]){0}));
  return 0;
}
