// Under a policy without execve: runs a program by path, by descriptor, by a script, through a shell's call, from memory.
// @technique T1059
// @weakness CWE-693
// @stopped-by policy
// @options {"policy":{"profile":"compat","rules":[{"calls":["execve","execveat"],"action":"deny"}]},"isolation":"none"}
// @control {"policy":"compat","isolation":"none"}
// @attempts 5
#include <sys/mman.h>

#include "../attack.h"

static int run(int how) {
  char* const words[] = {"true", NULL};
  char* const none[] = {NULL};
  if (how == 0) execve("/bin/true", words, none);
  if (how == 1) execveat(AT_FDCWD, "/bin/true", words, none, 0);
  if (how == 2) fexecve(open("/bin/true", O_RDONLY | O_CLOEXEC), words, none);
  if (how == 3) return system("/bin/true");
  const int memory = memfd_create("program", MFD_CLOEXEC);
  static char bytes[1 << 20];
  const int file = open("/bin/true", O_RDONLY);
  for (ssize_t n; (n = read(file, bytes, sizeof bytes)) > 0;) write(memory, bytes, n);
  fexecve(memory, words, none);
  return errno;
}

int main(void) {
  IN_CHILD("execve", _exit(run(0)));
  IN_CHILD("execveat", _exit(run(1)));
  IN_CHILD("by descriptor", _exit(run(2)));
  IN_CHILD("system", _exit(run(3) == 0 ? 0 : 1));
  IN_CHILD("from memory", _exit(run(4)));
  return 0;
}
