// Looks for what Node.js has open: files, sockets, the KVM device, pipes of other programs.
// @technique T1083
// @weakness CWE-403
// @stopped-by kernel
// @options {"policy":"compat","isolation":"none"}
// @control none: close-on-exec and the list of what is passed on are all that there is to it
// @attempts 1
#include "../attack.h"

int main(void) {
  int left = 0;
  for (int fd = 3; fd < 20000; fd++) left += fcntl(fd, F_GETFD) >= 0;
  MUST_NOT("left open", left, "none");
  return 0;
}
