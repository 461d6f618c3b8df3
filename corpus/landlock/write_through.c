// Writes to the host's file through a folder that was left open: no mount of the sandbox is in the way.
// @technique T1611
// @weakness CWE-403
// @stopped-by landlock
// @passes folder
// @options {"policy":"default"}
// @control {"isolation":"none"}
// @attempts 4
#include "../attack.h"

int main(void) {
  CONTROL("the folder is open", fcntl(3, F_GETFD));
  ATTEMPT("write", openat(3, "secret", O_WRONLY));
  ATTEMPT("read and write", openat(3, "secret", O_RDWR));
  ATTEMPT("append", openat(3, "secret", O_WRONLY | O_APPEND));
  ATTEMPT("by procfs", open("/proc/self/fd/3/secret", O_WRONLY));
  return 0;
}
