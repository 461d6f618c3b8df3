// Shows: personality: the query, flags that are kept over fork and exec, a 32-bit machine name; the same addresses
//        in each run with ADDR_NO_RANDOMIZE, others without.
// run: both
#include <sys/auxv.h>
#include <sys/personality.h>
#include <sys/utsname.h>

#include "guest.h"

// Where the program of a child is, by its own word, after an exec with this process's personality.
static void addresses(char* to, size_t size) {
  int p[2];
  MUST(pipe(p));
  pid_t child = MUST(fork());
  if (!child) {
    dup2(p[1], 1);
    execl("/proc/self/exe", "process_personality", "say", "addresses", NULL);
    _exit(9);
  }
  close(p[1]);
  size_t length = 0;
  for (ssize_t n; (n = read(p[0], to + length, size - 1 - length)) > 0;) length += (size_t)n;
  to[length] = 0;
  close(p[0]);
  reap("child", child);
}

static void compare(const char* how) {
  char first[256], second[256];
  addresses(first, sizeof first);
  addresses(second, sizeof second);
  printf("%s: %s addresses\n", how, strcmp(first, second) ? "other" : "the same");
}

int main(int argc, char** argv) {
  if (argc > 2) {
    printf("%p %p %p %p %lx %lx\n", (void*)main, (void*)&argc, sbrk(0),
           mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), getauxval(AT_SYSINFO_EHDR), getauxval(AT_RANDOM));
    return 0;
  }
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
  compare("ADDR_NO_RANDOMIZE");
  SHOW(personality(PER_LINUX));
  compare("PER_LINUX");
  SHOW(personality(0xffffffff));
  return 0;
}
