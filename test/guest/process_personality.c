// Shows: personality: the query, flags that are kept over fork and exec, a 32-bit machine name.
#include <sys/personality.h>
#include <sys/utsname.h>

#include "guest.h"

int main(int argc, char** argv UNUSED) {
  SHOW(personality(0xffffffff));
  if (argc > 1) return 0;
  struct utsname name;
  SHOW(personality(PER_LINUX32));
  uname(&name);
  puts(name.machine);
  SHOW(personality(PER_LINUX | ADDR_NO_RANDOMIZE));
  uname(&name);
  puts(name.machine);
  fflush(stdout);
  pid_t child = MUST(fork());
  if (!child) {
    SHOW(personality(0xffffffff));
    fflush(stdout);
    execl("/proc/self/exe", "process_personality", "again", NULL);
    _exit(9);
  }
  reap("child", child);
  SHOW(personality(PER_LINUX));
  SHOW(personality(0xffffffff));
  return 0;
}
