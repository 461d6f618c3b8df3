// Removes, renames and moves away what lies in a folder of the host that was left open.
// @technique T1485
// @weakness CWE-403
// @stopped-by landlock
// @passes folder
// @options {"policy":"default"}
// @control {"isolation":"none"}
// @attempts 3
#include "../attack.h"

int main(void) {
  CONTROL("the folder is open", fcntl(3, F_GETFD));
  // What is done is undone, so that the next attempt finds it.
  ATTEMPT("rename", renameat(3, "spare", 3, "moved"));
  renameat(3, "moved", 3, "spare");
  ATTEMPT("exchange", syscall(SYS_renameat2, 3, "spare", 3, "secret", 2));
  if (errno == 0) syscall(SYS_renameat2, 3, "spare", 3, "secret", 2);
  ATTEMPT("remove", unlinkat(3, "spare", 0));
  return 0;
}
