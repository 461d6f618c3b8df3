// Reads, writes, links and deletes a file of the host that the sandbox was not given.
// @technique T1005
// @weakness CWE-22
// @stopped-by namespace
// @options {"policy":"compat"}
// @control {"isolation":"none","policy":"compat"}
// @control-done read,stat,list its folder,by dots,by the root of procfs
// @attempts 12
#include <dirent.h>

#include "../attack.h"

int main(void) {
  const char* secret = told("ATTACK_SECRET");
  char path[4096], byte[16], folder[4096];
  snprintf(folder, sizeof folder, "%s", secret);
  *strrchr(folder, '/') = 0;
  ATTEMPT("read", read_file(secret, byte, sizeof byte));
  ATTEMPT("write", getenv("ATTACK_CONTROL") ? -1 : write_file(secret, "x", 1));
  ATTEMPT("stat", access(secret, F_OK));
  ATTEMPT("list its folder", opendir(folder) ? 0 : -1);
  ATTEMPT("delete", getenv("ATTACK_CONTROL") ? -1 : unlink(secret));
  ATTEMPT("rename", getenv("ATTACK_CONTROL") ? -1 : rename(secret, "/tmp/mine"));
  ATTEMPT("hard link", getenv("ATTACK_CONTROL") ? -1 : link(secret, "/tmp/mine"));
  snprintf(path, sizeof path, "/../../../..%s", secret);
  ATTEMPT("by dots", read_file(path, byte, sizeof byte));
  snprintf(path, sizeof path, "/proc/self/root%s", secret);
  ATTEMPT("by the root of procfs", read_file(path, byte, sizeof byte));
  snprintf(path, sizeof path, "/proc/1/root%s", secret);
  ATTEMPT("by the root of process 1", getenv("ATTACK_CONTROL") ? -1 : read_file(path, byte, sizeof byte));
  snprintf(path, sizeof path, "/proc/%s/root%s", told("ATTACK_NODE"), secret);
  ATTEMPT("by the root of Node.js", getenv("ATTACK_CONTROL") ? -1 : read_file(path, byte, sizeof byte));
  symlink(secret, "/tmp/barchan-attack-link");
  ATTEMPT("by a symbolic link", read_file("/tmp/barchan-attack-link", byte, sizeof byte));
  unlink("/tmp/barchan-attack-link");
  ATTEMPT("by a handle", syscall(SYS_name_to_handle_at, AT_FDCWD, secret, path, byte, 0));
  return 0;
}
