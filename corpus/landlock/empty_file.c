// Empties a file of the host: by truncating it through a folder that was left open, and by opening it to be emptied.
// @technique T1485
// @weakness CWE-403
// @stopped-by landlock
// @passes folder
// @options {"policy":"compat"}
// @control {"isolation":"none"}
// @attempts 2
#include "../attack.h"

int main(void) {
  CONTROL("into the folder", fchdir(3));
  ATTEMPT("truncate", truncate("spare", 0));
  ATTEMPT("open to empty", openat(3, "spare", O_WRONLY | O_TRUNC));
  return 0;
}
