// Makes files, folders, links, pipes and sockets in a folder of the host that was left open.
// @technique T1611
// @weakness CWE-403
// @stopped-by landlock
// @passes folder
// @options {"policy":"compat"}
// @control {"isolation":"none"}
// @attempts 6
#include "../attack.h"

int main(void) {
  CONTROL("the folder is open", fcntl(3, F_GETFD));
  ATTEMPT("file", openat(3, "made-file", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  ATTEMPT("folder", mkdirat(3, "made-folder", 0700));
  ATTEMPT("symbolic link", symlinkat("/etc/shadow", 3, "made-link"));
  ATTEMPT("named pipe", mknodat(3, "made-pipe", S_IFIFO | 0600, 0));
  ATTEMPT("hard link", linkat(3, "secret", 3, "made-hard-link", 0));
  struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "/proc/self/fd/3/made-socket"};
  ATTEMPT("socket", bind(socket(AF_UNIX, SOCK_STREAM, 0), (void*)&address, sizeof address));
  const char* const made[] = {"made-file", "made-link", "made-pipe", "made-hard-link", "made-socket"};
  for (unsigned i = 0; i < sizeof made / sizeof *made; i++) unlinkat(3, made[i], 0);
  unlinkat(3, "made-folder", AT_REMOVEDIR);
  return 0;
}
