// Shows: the break grows and shrinks by pages and bytes; memory that comes back is zero.
// run: both
#include "guest.h"

int main(void) {
  trap_install();
  char* start = sbrk(0);
  CHECK(start == (char*)syscall(SYS_brk, 0));
  CHECK(sbrk(3 * 4096 + 5) == start);
  memset(start, 1, 3 * 4096 + 5);
  CHECK((char*)sbrk(0) == start + 3 * 4096 + 5);
  char* page = (char*)(((uintptr_t)start + 4096 * 2) & ~4095ul);
  SHOW(brk(page));
  TRAP("above the break", page, *(volatile char*)(page) = 1);
  CHECK(start[0] == 1 && page[-1] == 1);
  SHOW(brk(page + 8192));
  CHECK(page[0] == 0 && page[8191] == 0);
  CHECK((char*)syscall(SYS_brk, 0x1000) == page + 8192);
  CHECK((char*)syscall(SYS_brk, (char*)-4096) == page + 8192);
  CHECK(syscall(SYS_brk, page + (64 << 20)) == (long)(page + (64 << 20)));
  for (size_t i = 0; i < 64 << 20; i += 4096 * 64) page[i] = (char)(i >> 18);
  int good = 1;
  for (size_t i = 0; i < 64 << 20; i += 4096 * 64) good &= page[i] == (char)(i >> 18);
  CHECK(good);
  SHOW(brk(start));
  CHECK(sbrk(0) == start);
  // A mapping in the way stops the break.
  char* wall = (char*)(((uintptr_t)start + (1 << 20)) & ~4095ul);
  CHECK(mmap(wall, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == wall);
  SHOW(brk(wall + 8192));
  SHOW(brk(start + 8192));
  return guest_failed();
}
