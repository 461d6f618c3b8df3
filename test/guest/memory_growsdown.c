// Shows: a MAP_GROWSDOWN mapping grows by touching below it.
#include "guest.h"

int main(void) {
  trap_install();
  size_t room = 16 << 20;
  char* area = MUST((char*)mmap(NULL, room, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  MUST(munmap(area, room));
  char* top = area + room - 4096;
  char* p = mmap(top, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_GROWSDOWN, -1, 0);
  CHECK(p == top);
  for (int i = 0; i < 64; i++) {
    volatile char* q = p - 4096 * i;
    *q = (char)i;
  }
  int good = 1;
  for (int i = 0; i < 64; i++) good &= p[-4096 * i] == i;
  CHECK(good);
  TRAP("a jump of 100 pages", p, *(volatile char*)(p - 4096 * 164) = 1);
  TRAP("above the mapping", p, *(volatile char*)(p + 4096) = 1);
  return guest_failed();
}
