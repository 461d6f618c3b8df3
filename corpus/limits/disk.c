// Fills the writable space that it has: one large file, many small ones, sparse ones by allocation.
// @technique T1499.001
// @weakness CWE-400
// @stopped-by limit
// @options {"policy":"compat","scratchBytes":4194304}
// @control {"policy":"compat","scratchBytes":268435456}
// @control-done one large file,allocation
// @attempts 2
#include "../attack.h"

int main(void) {
  static char bytes[1 << 20];
  memset(bytes, 1, sizeof bytes);
  int fd = open("/tmp/large", O_CREAT | O_WRONLY, 0600), written = 0;
  CONTROL("a file", fd);
  for (; written < 32 && write(fd, bytes, sizeof bytes) == sizeof bytes; written++) continue;
  MUST_NOT("one large file", written == 32, error_name());
  close(fd);
  unlink("/tmp/large");
  fd = open("/tmp/allocated", O_CREAT | O_WRONLY, 0600);
  ATTEMPT("allocation", posix_fallocate(fd, 0, 64 << 20) == 0 ? 0 : (errno = ENOSPC, -1));
  unlink("/tmp/allocated");
  return 0;
}
