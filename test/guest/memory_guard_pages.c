// Shows: MADV_GUARD_INSTALL and MADV_GUARD_REMOVE (Linux 6.13): guard pages over every change of their mapping; on an older kernel both are EINVAL here and there.
// run: both ; timeout 60s
#include "guest.h"

#define PAGE 4096ul
enum { kInstall = 102, kRemove = 103 };

static char* pages(unsigned n) {
  return MUST(mmap(NULL, n * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
}

static void map_of(const char* what, char* p, unsigned n) {
  printf("%s:", what);
  for (unsigned i = 0; i < n; i++) {
    trap_armed = 1;
    if (!sigsetjmp(trap_jump, 1)) {
      int v = ((volatile char*)p)[i * PAGE];
      trap_armed = 0;
      printf(" %d", v);
    } else {
      printf(" %s/%d%s", sigabbrev_np(trap_signal), trap_code, trap_address == p + i * PAGE ? "" : "?");
    }
  }
  printf("\n");
}

static void number(char* p, unsigned n) {
  for (unsigned i = 0; i < n; i++) memset(p + i * PAGE, (int)i + 1, PAGE);
}

int main(void) {
  trap_install();
  char* p = pages(8);
  number(p, 8);
  SHOW(madvise(p + 1, PAGE, kInstall));
  SHOW(madvise(p, 0, kInstall));
  SHOW(madvise(NULL, PAGE, kInstall));
  if (SHOW(madvise(p + 2 * PAGE, 2 * PAGE, kInstall)) != 0) return 0;
  map_of("installed", p, 8);
  SHOW(madvise(p + 2 * PAGE, PAGE, kInstall));
  SHOW(write(1, p + 2 * PAGE, 0));
  int pipes[2];
  MUST(pipe2(pipes, O_NONBLOCK));
  SHOW(write(pipes[1], p + 2 * PAGE - 4, 8));
  SHOW(write(pipes[1], p + 2 * PAGE, 8));
  SHOW(read(pipes[0], p + 3 * PAGE, 4));
  unsigned char resident[8];
  SHOW(mincore(p, 8 * PAGE, resident));
  SHOW(mlock(p, 8 * PAGE));
  SHOW(munlock(p, 8 * PAGE));
  SHOW(mprotect(p, 8 * PAGE, PROT_READ));
  map_of("read-only", p, 8);
  SHOW(mprotect(p, 8 * PAGE, PROT_NONE));
  map_of("none", p, 4);
  SHOW(mprotect(p, 8 * PAGE, PROT_READ | PROT_WRITE));
  map_of("writable", p, 8);
  SHOW(madvise(p, 8 * PAGE, MADV_DONTNEED));
  map_of("not needed", p, 8);
  number(p, 2);
  number(p + 4 * PAGE, 4);
  SHOW(madvise(p, 8 * PAGE, MADV_POPULATE_READ));
  pid_t pid = MUST(fork());
  if (pid == 0) {
    map_of("child", p, 8);
    SHOW(madvise(p, 8 * PAGE, kRemove));
    map_of("child, removed", p, 8);
    _exit(0);
  }
  reap("child", pid);
  map_of("parent", p, 8);
  SHOW(madvise(p, 8 * PAGE, MADV_WIPEONFORK));
  pid = MUST(fork());
  if (pid == 0) {
    map_of("wiped child", p, 8);
    _exit(0);
  }
  reap("child", pid);
  SHOW(madvise(p, 8 * PAGE, MADV_KEEPONFORK));
  char* q = MUST(mremap(p, 8 * PAGE, 16 * PAGE, MREMAP_MAYMOVE));
  map_of("grown", q, 16);
  char* place = pages(8);
  SHOW(madvise(place, 8 * PAGE, kInstall));
  map_of("place", place, 8);
  SHOW(mremap(q + PAGE, 4 * PAGE, 4 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, place + PAGE) == place + PAGE);
  map_of("moved", place, 8);
  map_of("left", q, 8);
  char* again = MUST(mremap(place + PAGE, 4 * PAGE, 4 * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, 0));
  map_of("not unmapped", place, 8);
  map_of("there", again, 4);
  SHOW(mmap(place, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == place);
  SHOW(munmap(place + 7 * PAGE, PAGE));
  SHOW(mmap(place + 7 * PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == place + 7 * PAGE);
  map_of("mapped anew", place, 8);
  SHOW(madvise(place, 8 * PAGE, kRemove));
  map_of("removed", place, 8);
  SHOW(munmap(place + 2 * PAGE, PAGE));
  SHOW(madvise(place, 8 * PAGE, kInstall));
  map_of("with a hole", place, 8);
  SHOW(mlock(q, PAGE));
  SHOW(madvise(q, PAGE, kInstall));
  SHOW(munlock(q, PAGE));
  // Read-only and shared files take guards as well since Linux 6.15.
  scratch();
  int fd = MUST(open("file", O_RDWR | O_CREAT, 0600));
  MUST(ftruncate(fd, 4 * PAGE));
  char* f = MUST(mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
  number(f, 4);
  SHOW(madvise(f + PAGE, PAGE, kInstall));
  map_of("file", f, 4);
  SHOW(ftruncate(fd, PAGE));
  map_of("cut file", f, 3);
  // Many of them, as a thread library makes them.
  char* many = pages(2000);
  long bad = 0;
  for (unsigned i = 0; i < 2000; i += 2) bad |= madvise(many + i * PAGE, PAGE, kInstall);
  SHOW(bad);
  map_of("many", many + 1990 * PAGE, 10);
  TRAP("guard", many, many[100 * PAGE] = 1);
  SHOW(munmap(many, 2000 * PAGE));
  // Execution.
  char* code = MUST(mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  memset(code, 0xc3, 2 * PAGE);
  ((void (*)(void))code)();
  SHOW(madvise(code, PAGE, kInstall));
  TRAP("call", code, ((void (*)(void))code)());
  ((void (*)(void))(code + PAGE))();
  SHOW(madvise(code, PAGE, kRemove));
  return 0;
}
