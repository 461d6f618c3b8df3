// Opens again, for writing, a file of the host of which only its place was left open.
// @technique T1611
// @weakness CWE-403
// @stopped-by landlock
// @passes file
// @options {"policy":"default"}
// @control {"isolation":"none"}
// @attempts 3
#include "../attack.h"

int main(void) {
  CONTROL("the file is there", fcntl(3, F_GETFD));
  ATTEMPT("by the number", open("/proc/self/fd/3", O_WRONLY));
  ATTEMPT("by the thread's number", open("/proc/thread-self/fd/3", O_RDWR));
  ATTEMPT("by /dev/fd", open("/dev/fd/3", O_WRONLY | O_APPEND));
  return 0;
}
