// Shows: MAP_FIXED replaces, MAP_FIXED_NOREPLACE refuses, hints are taken when free and ignored when not.
#include "guest.h"

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
#define RW (PROT_READ | PROT_WRITE)

int main(void) {
  char* area = MUST((char*)mmap(NULL, 64 * 4096, RW, ANON, -1, 0));
  memset(area, 'a', 64 * 4096);
  CHECK(mmap(area + 4096, 4096, RW, ANON | MAP_FIXED, -1, 0) == area + 4096);
  CHECK(area[4095] == 'a' && area[4096] == 0 && area[8191] == 0 && area[8192] == 'a');
  SHOW(mmap(area + 8192, 4096, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0));
  CHECK(area[8192] == 'a');
  MUST(munmap(area + 3 * 4096, 4096));
  CHECK(mmap(area + 3 * 4096, 4096, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0) == area + 3 * 4096);
  CHECK(area[3 * 4096] == 0);
  MUST(munmap(area + 5 * 4096, 2 * 4096));
  char* hinted = mmap(area + 5 * 4096, 4096, RW, ANON, -1, 0);
  CHECK(hinted == area + 5 * 4096);
  char* taken = mmap(area + 8 * 4096, 4096, RW, ANON, -1, 0);
  CHECK(taken != (char*)-1 && (taken < area || taken >= area + 64 * 4096 || taken == area + 6 * 4096));
  char* unaligned = mmap(area + 6 * 4096 + 5, 4096, RW, ANON, -1, 0);
  CHECK(unaligned != (char*)-1 && ((uintptr_t)unaligned & 4095) == 0);
  // A fixed mapping over several VMAs with different protections.
  MUST(mprotect(area + 20 * 4096, 4096, PROT_NONE));
  MUST(mprotect(area + 22 * 4096, 4096, PROT_READ));
  CHECK(mmap(area + 19 * 4096, 5 * 4096, RW, ANON | MAP_FIXED, -1, 0) == area + 19 * 4096);
  for (int i = 18; i < 25; i++) printf("page %d: %d\n", i, area[i * 4096]);
  area[20 * 4096] = 1;
  area[22 * 4096] = 2;
  char* chosen = (char*)0x200000000000;
  CHECK(mmap(chosen, 4096, RW, ANON | MAP_FIXED, -1, 0) == chosen);
  chosen[17] = 3;
  CHECK(chosen[17] == 3);
  char* low = (char*)0x70000;
  CHECK(mmap(low, 4096, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0) == low);
  low[0] = 4;
  char* below_4g = mmap(NULL, 4096, RW, ANON | MAP_32BIT, -1, 0);
  CHECK(below_4g != (char*)-1 && (uintptr_t)below_4g < 0x80000000);
  *below_4g = 1;
  return guest_failed();
}
