// Gives strings without an end: up to an unmapped page, to the end of what it may own, longer than any limit.
// @technique T1499.004
// @weakness CWE-170
// @stopped-by gate
// @options {"policy":"compat"}
// @control none: a native kernel refuses them as well
// @attempts 24
#include <sys/xattr.h>

#include "../attack.h"

static void each(const char* where, char* p) {
  char name[64];
#define TRY(what, call) (snprintf(name, sizeof name, "%s %s", what, where), ATTEMPT(name, call))
  TRY("open", open(p, O_RDONLY));
  TRY("stat", access(p, F_OK));
  TRY("execve", syscall(SYS_execve, p, NULL, NULL));
  TRY("argument", syscall(SYS_execve, "/bin/true", (char*[]){p, NULL}, NULL));
  TRY("symlink", symlink(p, "/tmp/attack"));
  TRY("rename", rename(p, p));
  TRY("setxattr", setxattr("/tmp", p, "1", 1, 0));
  TRY("memfd_create", syscall(SYS_memfd_create, p, 0));
}

int main(void) {
  char* pages = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  memset(pages, 'a', 1 << 20);
  munmap(pages + 8192, 4096);
  each("up to a hole", pages + 8192 - 100);
  each("without end", pages + 12288);
  char* page = page_near_the_end();
  CONTROL("a page near the end", page == MAP_FAILED ? -1 : 0);
  each("to the end", page + 4096 - 100);
  return 0;
}
