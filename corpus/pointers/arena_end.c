// Buffers that begin in the last page that a program may own and end in what is the monitor's; sizes that wrap around.
// @technique T1611
// @weakness CWE-190
// @stopped-by gate
// @options {"policy":"compat"}
// @control none: natively these addresses belong to nobody
// @attempts 15
#include <dirent.h>
#include <poll.h>
#include <sys/random.h>

#include "../attack.h"

#define ROOM 16

static void each(const char* where, char* p, size_t length) {
  char name[96];
  int in[2], zero = open("/dev/zero", O_RDONLY), etc = open("/etc", O_RDONLY | O_DIRECTORY);
  char chunk[4096];
  pipe2(in, O_NONBLOCK);
#define TRY(what, call)                              \
  do {                                               \
    snprintf(name, sizeof name, "%s %s", what, where); \
    errno = 0;                                       \
    long result = (long)(call);                      \
    MUST_NOT(name, result > ROOM, result >= 0 ? "partial" : error_name()); \
  } while (0)
  TRY("read", syscall(SYS_read, zero, p, length));
  TRY("pread", syscall(SYS_pread64, zero, p, length, 0));
  TRY("readv", readv(zero, &(struct iovec){p, length}, 1));
  TRY("write", syscall(SYS_write, in[1], p, length));
  TRY("writev", writev(in[1], &(struct iovec){p, length}, 1));
  TRY("getrandom", syscall(SYS_getrandom, p, length, 0));
  TRY("getdents64", syscall(SYS_getdents64, etc, p, length));
  TRY("getcwd", syscall(SYS_getcwd, p, length) > ROOM ? 100 : -1);
  TRY("readlink", syscall(SYS_readlink, "/proc/self/exe", p, length));
  TRY("poll", syscall(SYS_poll, p, length / 8, 0) > 2 ? 100 : -1);
  TRY("listxattr", syscall(SYS_listxattr, "/etc", p, length) > ROOM ? 100 : -1);
  (void)chunk;
  close(in[0]), close(in[1]), close(zero), close(etc);
}

int main(void) {
  char* page = page_near_the_end();
  CONTROL("a page near the end", page == MAP_FAILED ? -1 : 0);
  char* p = page + 4096 - ROOM;
  each("across the end", p, ROOM + (ARENA_END - (uintptr_t)(page + 4096)) + 4096);
  each("to the end of memory", p, -(uintptr_t)p);
  each("around", p, -(uintptr_t)p + 4096);
  each("of all", p, SIZE_MAX);
  ATTEMPT("map above the end", mmap((void*)ARENA_END, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED ? -1 : 0);
  ATTEMPT("map across the end", mmap((void*)(ARENA_END - 4096), 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED ? -1 : 0);
  ATTEMPT("grow across the end", mremap(page, 4096, 1UL << 40, 0) == MAP_FAILED ? -1 : 0);
  return 0;
}
