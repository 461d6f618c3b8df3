// Shows: arguments and environment at the start, changes of it, and their inheritance.
// run: both alpha "two words" "" --flag=ü
#include "guest.h"

extern char** environ;

int main(int argc, char** argv) {
  printf("argc %d\n", argc);
  for (int i = 1; i < argc; i++) printf("argv[%d] '%s'\n", i, argv[i]);
  CHECK(argv[argc] == NULL);
  for (char** e = environ; *e; e++)
    if (!strncmp(*e, "GUEST_", 6)) puts(*e);
  CHECK(getenv("PATH") != NULL);
  CHECK(getenv("GUEST_NOT_SET") == NULL);
  setenv("GUEST_NEW", "value", 1);
  setenv("GUEST_EMPTY", "", 1);
  if (argc == 5) {
    pid_t pid = MUST(fork());
    if (!pid) {
      execl("/proc/self/exe", "again", "last", NULL);
      _exit(99);
    }
    reap("again", pid);
    clearenv();
    pid = MUST(fork());
    if (!pid) {
      execl("/proc/self/exe", "cleared", NULL);
      _exit(99);
    }
    reap("cleared", pid);
  }
  return guest_failed();
}
