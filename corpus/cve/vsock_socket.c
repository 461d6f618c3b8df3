// Makes sockets of virtual machines (vsock), as the race on its transport needs.
// @technique T1068
// @weakness CWE-667
// @cve CVE-2021-26708
// @stopped-by gate
// @options {"policy":"compat"}
// @control native
// @control-done socket
// @attempts 2
#include "../attack.h"

int main(void) {
  ATTEMPT("socket", socket(AF_VSOCK, SOCK_STREAM, 0));
  ATTEMPT("pair of sockets", socketpair(AF_VSOCK, SOCK_STREAM, 0, (int[2]){0}));
  return 0;
}
