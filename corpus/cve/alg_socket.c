// Makes sockets of the kernel's ciphers (AF_ALG), as the use after free in its release needs.
// @technique T1068
// @weakness CWE-416
// @cve CVE-2019-8912
// @stopped-by gate
// @options {"policy":"compat"}
// @control none: most kernels are built without it
// @attempts 2
#include "../attack.h"

int main(void) {
  ATTEMPT("socket", socket(AF_ALG, SOCK_SEQPACKET, 0));
  ATTEMPT("pair of sockets", socketpair(AF_ALG, SOCK_SEQPACKET, 0, (int[2]){0}));
  return 0;
}
