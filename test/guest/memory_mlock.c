// Shows: mlock, munlock, mlock2 and mlockall results; MAP_POPULATE and MAP_LOCKED work.
#include "guest.h"

int main(void) {
  char* p = MUST((char*)mmap(NULL, 16 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  SHOW(mlock(p, 4096));
  SHOW(munlock(p, 4096));
  SHOW(mlock2(p + 100, 4096, MLOCK_ONFAULT));
  SHOW(mlock2(p, 4096, 0x10));
  SHOW(munlock(p, 16 * 4096));
  SHOW(mlock((void*)0x150000000000, 4096));
  SHOW(munlock((void*)0x150000000000, 4096));
  SHOW(munlockall());
  char* q = OK((char*)mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0));
  unsigned char present[256];
  SHOW(mincore(q, 1 << 20, present));
  int count = 0;
  for (int i = 0; i < 256; i++) count += present[i] & 1;
  CHECK(count == 256);
  q[5000] = 1;
  CHECK(q[5000] == 1 && q[5001] == 0);
  char* r = OK((char*)mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0));
  r[4096] = 2;
  CHECK(r[0] == 0 && r[4096] == 2);
  return guest_failed();
}
