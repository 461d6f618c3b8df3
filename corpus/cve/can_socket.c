// Makes sockets of vehicles (CAN), as the race in its broadcast manager needs.
// @technique T1068
// @weakness CWE-362
// @cve CVE-2021-3609
// @stopped-by gate
// @options {"policy":"compat"}
// @control none: most kernels are built without it
// @attempts 2
#include "../attack.h"

int main(void) {
  ATTEMPT("socket", socket(29 /* AF_CAN */, SOCK_RAW, 1));
  ATTEMPT("pair of sockets", socketpair(29 /* AF_CAN */, SOCK_RAW, 1, (int[2]){0}));
  return 0;
}
