// Connects and sends to a socket of the host that has a name and no file, from the host's own network.
// @technique T1559
// @weakness CWE-923
// @cve CVE-2020-15257
// @stopped-by landlock
// @options {"policy":"default","network":"host"}
// @control {"isolation":"none"}
// @kernel 6.12
// @attempts 2
#include <stddef.h>

#include "../attack.h"

static long reach(int kind) {
  const char* name = told("ATTACK_ABSTRACT");
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  strncpy(address.sun_path + 1, name, sizeof address.sun_path - 2);
  const int s = socket(AF_UNIX, kind, 0);
  // Versions of Node.js differ in whether zeros behind the name belong to it.
  const long whole = connect(s, (void*)&address, sizeof address);
  if (whole == 0 || errno != ECONNREFUSED) return whole;
  return connect(s, (void*)&address, offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name));
}

int main(void) {
  ATTEMPT("connect", reach(SOCK_STREAM));
  ATTEMPT("connect, close-on-exec", reach(SOCK_STREAM | SOCK_CLOEXEC));
  return 0;
}
