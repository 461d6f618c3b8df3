// Shows: cpuid and xgetbv tell of a sane processor with the features that Linux programs count on.
#include <cpuid.h>

#include "guest.h"

int main(void) {
  unsigned a, b, c, d;
  char vendor[13] = "";
  __cpuid(0, a, b, c, d);
  memcpy(vendor, &b, 4);
  memcpy(vendor + 4, &d, 4);
  memcpy(vendor + 8, &c, 4);
  printf("vendor %s\n", vendor);
  CHECK(a >= 7);
  __cpuid(1, a, b, c, d);
  CHECK(d & 1 << 0);    // FPU
  CHECK(d & 1 << 4);    // TSC
  CHECK(d & 1 << 8);    // CMPXCHG8B
  CHECK(d & 1 << 24);   // FXSR
  CHECK(d & 1 << 25);   // SSE
  CHECK(d & 1 << 26);   // SSE2
  CHECK(c & 1 << 0);    // SSE3
  CHECK(c & 1 << 13);   // CMPXCHG16B
  CHECK(c & 1 << 23);   // POPCNT
  int avx = c >> 28 & 1, osxsave = c >> 27 & 1;
  printf("avx %d osxsave %d aes %d\n", avx, osxsave, c >> 25 & 1);
  unsigned family = (a >> 8 & 15) + (a >> 20 & 255), model = (a >> 4 & 15) | (a >> 12 & 0xf0);
  printf("family %u model %u stepping %u\n", family, model, a & 15);
  if (osxsave) {
    unsigned low, high;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    CHECK((low & 3) == 3);
    CHECK(!avx || (low & 4));
    unsigned size, most;
    __cpuid_count(13, 0, a, size, most, d);
    CHECK(size >= 576 && size <= most);
    CHECK((low & ~a) == 0);
  }
  __cpuid_count(7, 0, a, b, c, d);
  printf("avx2 %d bmi2 %d avx512f %d sha %d fsgsbase %d\n", b >> 5 & 1, b >> 8 & 1, b >> 16 & 1, b >> 29 & 1, b & 1);
  char brand[49] = "";
  for (unsigned i = 0; i < 3; i++) {
    __cpuid(0x80000002 + i, a, b, c, d);
    memcpy(brand + i * 16, (unsigned[]){a, b, c, d}, 16);
  }
  printf("brand %s\n", brand);
  __cpuid(0x80000001, a, b, c, d);
  CHECK(d & 1 << 29);   // long mode
  CHECK(d & 1 << 20);   // NX
  CHECK(d & 1 << 11);   // SYSCALL
  __cpuid(0x80000008, a, b, c, d);
  CHECK((a >> 8 & 255) >= 48);
  return guest_failed();
}
