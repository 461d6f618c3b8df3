// Under a policy without sockets: makes one by every call that does, and uses one by numbers of its own.
// @technique T1095
// @weakness CWE-693
// @stopped-by policy
// @options {"policy":{"profile":"compat","rules":[{"calls":["socket","socketpair"],"action":"deny","errno":"EACCES"}]},"isolation":"none"}
// @control {"policy":"compat","isolation":"none"}
// @attempts 4
#include "../attack.h"

int main(void) {
  ATTEMPT("TCP", socket(AF_INET, SOCK_STREAM, 0));
  ATTEMPT("UDP", socket(AF_INET6, SOCK_DGRAM, 0));
  ATTEMPT("UNIX", socket(AF_UNIX, SOCK_STREAM, 0));
  ATTEMPT("pair", socketpair(AF_UNIX, SOCK_SEQPACKET, 0, (int[2]){0}));
  return 0;
}
