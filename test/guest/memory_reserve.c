// Shows: a reservation of 1 TiB PROT_NONE costs nothing; parts of it become memory when made accessible.
// run: both
#include "guest.h"

int main(void) {
  trap_install();
  size_t size = 1ul << 40;
  double start = seconds();
  char* p = OK((char*)mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
  TRAP("none", p, (void)*(volatile char*)(p + size / 2));
  for (size_t i = 0; i < 16; i++) {
    char* part = p + size / 16 * i + 12345 * 4096;
    MUST(mprotect(part, 3 << 20, PROT_READ | PROT_WRITE));
    part[0] = (char)i;
    part[(3 << 20) - 1] = (char)i;
  }
  for (size_t i = 0; i < 16; i++) {
    char* part = p + size / 16 * i + 12345 * 4096;
    if (part[0] != (char)i || part[4096] != 0 || part[(3 << 20) - 1] != (char)i) printf("part %zu wrong\n", i);
  }
  TRAP("before a part", p, (void)*(volatile char*)(p + 12344 * 4096));
  TRAP("behind a part", p, *(volatile char*)(p + 12345 * 4096 + (3 << 20)) = 1);
  char* middle = mmap(p + size / 2, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  CHECK(middle == p + size / 2);
  *middle = 1;
  SHOW(madvise(p, size, MADV_DONTNEED));
  CHECK(*middle == 0);
  SHOW(mprotect(p, 1ul << 39, PROT_READ));
  CHECK(p[0] == 0 && p[1ul << 38] == 0);
  pid_t child = MUST(fork());
  if (!child) {
    TRAP("child write", p, *(volatile char*)(p + 4096) = 1);
    _exit(p[99] == 0 ? 5 : 6);
  }
  reap("child", child);
  SHOW(munmap(p, size));
  TRAP("gone", p, (void)*(volatile char*)p);
  CHECK(seconds() - start < 10);
  return guest_failed();
}
