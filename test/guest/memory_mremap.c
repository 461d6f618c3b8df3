// Shows: mremap grows in place, moves with its bytes, shrinks, moves to a fixed place, and its errors.
#include "guest.h"

#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif
#define P 4096
static char* map(size_t pages) {
  return MUST((char*)mmap(NULL, pages * P, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
}
static int intact(char* p, int pages) {
  for (int i = 0; i < pages; i++)
    if (p[i * P] != i + 1 || p[i * P + P - 1] != i + 1) return 0;
  return 1;
}
static void fill(char* p, int pages) {
  for (int i = 0; i < pages; i++) memset(p + i * P, i + 1, P);
}

int main(void) {
  trap_install();
  char* area = map(32);
  fill(area, 8);
  MUST(munmap(area + 8 * P, 24 * P));
  char* grown = mremap(area, 8 * P, 16 * P, 0);
  CHECK(grown == area && intact(grown, 8) && grown[8 * P] == 0);
  grown[15 * P] = 9;
  char* shrunk = mremap(area, 16 * P, 4 * P, 0);
  CHECK(shrunk == area && intact(area, 4));
  TRAP("behind the shrunk end", area, *(volatile char*)(area + 4 * P) = 1);
  char* blocker = mmap(area + 4 * P, P, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  CHECK(blocker == area + 4 * P);
  SHOW(mremap(area, 4 * P, 8 * P, 0));
  char* moved = OK((char*)mremap(area, 4 * P, 8 * P, MREMAP_MAYMOVE));
  CHECK(moved != area && intact(moved, 4) && moved[4 * P] == 0 && moved[8 * P - 1] == 0);
  TRAP("the old place", area, (void)*(volatile char*)area);
  char* target = map(8);
  char* fixed = mremap(moved, 4 * P, 8 * P, MREMAP_MAYMOVE | MREMAP_FIXED, target);
  CHECK(fixed == target && intact(target, 4));
  char* middle = map(8);
  fill(middle, 8);
  char* part = OK((char*)mremap(middle + 2 * P, 2 * P, 20 * P, MREMAP_MAYMOVE));
  CHECK(part[0] == 3 && part[P] == 4 && part[2 * P] == 0);
  TRAP("hole in the middle", middle, (void)*(volatile char*)(middle + 2 * P));
  CHECK(middle[P] == 2 && middle[4 * P] == 5);
  char* keep = map(4);
  fill(keep, 4);
  char* copy = OK((char*)mremap(keep, 4 * P, 4 * P, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL));
  CHECK(copy != keep && intact(copy, 4));
  CHECK(keep[0] == 0 && keep[3 * P] == 0);
  char* read_only = map(2);
  fill(read_only, 2);
  MUST(mprotect(read_only, 2 * P, PROT_READ));
  read_only = OK((char*)mremap(read_only, 2 * P, 600 * P, MREMAP_MAYMOVE));
  CHECK(intact(read_only, 2));
  TRAP("protection moved too", read_only, *(volatile char*)(read_only + 500 * P) = 1);
  SHOW(mremap(target + 1, P, P, 0));
  SHOW(mremap(target, P, 0, 0));
  SHOW(mremap(target, P, P, 0x40));
  SHOW(mremap(target, P, P, MREMAP_FIXED, area));
  SHOW(mremap((void*)0x150000000000, P, 2 * P, MREMAP_MAYMOVE));
  SHOW(mremap(target, 64 * P, 65 * P, MREMAP_MAYMOVE));
  SHOW(mremap(target, 2 * P, P, MREMAP_MAYMOVE | MREMAP_FIXED, target + P));
  CHECK(intact(target, 4));
  // Realloc of a large block goes by mremap.
  char* big = malloc(1 << 20);
  memset(big, 7, 1 << 20);
  for (size_t size = 2 << 20; size <= 64 << 20; size *= 2) big = realloc(big, size);
  CHECK(big[0] == 7 && big[(1 << 20) - 1] == 7);
  return guest_failed();
}
