// Makes a pipe for notifications of the kernel and sets its filter, as the write past its end in watch_queue needs.
// @technique T1068
// @weakness CWE-787
// @cve CVE-2022-0995
// @stopped-by gate
// @options {"policy":"compat"}
// @control none: most kernels are built without it
// @attempts 2
#include "../attack.h"

int main(void) {
  int pipes[2] = {-1, -1};
  // O_NOTIFICATION_PIPE is O_EXCL.
  ATTEMPT("pipe for notifications", pipe2(pipes, O_EXCL));
  ATTEMPT("size of its queue", ioctl(pipes[0], 0x5760 /* IOC_WATCH_QUEUE_SET_SIZE */, 1));
  return 0;
}
