// Shows: munmap splits mappings; holes fault with SEGV_MAPERR, neighbours keep their bytes; mincore sees the hole.
#include "guest.h"

int main(void) {
  trap_install();
  char* p = MUST((char*)mmap(NULL, 32 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  for (int i = 0; i < 32; i++) p[i * 4096] = (char)i;
  SHOW(munmap(p + 4 * 4096, 4096));
  SHOW(munmap(p + 6 * 4096, 3 * 4096));
  SHOW(munmap(p + 31 * 4096, 4096));
  SHOW(munmap(p, 4096));
  for (int i = 0; i < 32; i++) {
    char name[32];
    snprintf(name, sizeof name, "page %d", i);
    TRAP(name, p, {
      volatile char c = *(volatile char*)(p + i * 4096);
      printf("%d ", c);
    });
  }
  unsigned char present[32];
  SHOW(mincore(p + 4096, 3 * 4096, present));
  printf("%d %d %d\n", present[0] & 1, present[1] & 1, present[2] & 1);
  SHOW(mincore(p, 8 * 4096, present));
  SHOW(mincore(p + 4097, 4096, present));
  SHOW(mincore(p + 4096, 4096, NULL));
  SHOW(mprotect(p + 3 * 4096, 3 * 4096, PROT_READ));
  TRAP("write before the hole", p, *(volatile char*)(p + 3 * 4096) = 1);
  TRAP("write behind the hole", p, *(volatile char*)(p + 5 * 4096) = 1);
  SHOW(munmap(p, 32 * 4096));
  TRAP("all gone", p, *(volatile char*)(p + 10 * 4096) = 1);
  char* again = mmap(p, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  CHECK(again == p && *p == 0);
  return guest_failed();
}
