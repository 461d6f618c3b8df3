// Writes a file past the limit on the size of files, by writing, growing and allocating.
// @technique T1499.001
// @weakness CWE-400
// @stopped-by limit
// @options {"policy":"compat","rlimits":{"fsize":65536}}
// @control {"policy":"compat"}
// @attempts 3
#include "../attack.h"

int main(void) {
  signal(SIGXFSZ, SIG_IGN);
  int fd = open("/tmp/file", O_CREAT | O_RDWR | O_TRUNC, 0600);
  CONTROL("a file", fd);
  static char bytes[65536];
  CONTROL("up to the limit", pwrite(fd, bytes, sizeof bytes, 0) == sizeof bytes ? 0 : -1);
  ATTEMPT("write", pwrite(fd, bytes, 1, 65536) == 1 ? 0 : -1);
  ATTEMPT("grow", ftruncate(fd, 1 << 20));
  ATTEMPT("allocate", fallocate(fd, 0, 0, 1 << 20));
  unlink("/tmp/file");
  return 0;
}
