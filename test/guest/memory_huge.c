// Shows: 2 MiB-aligned memory with and without MADV_HUGEPAGE behaves the same when parts of it change.
#include "guest.h"

#define MIB (1ul << 20)
int main(void) {
  trap_install();
  char* raw = MUST((char*)mmap(NULL, 34 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  char* p = (char*)(((uintptr_t)raw + 2 * MIB - 1) & ~(2 * MIB - 1));
  int advised = madvise(p, 32 * MIB, MADV_HUGEPAGE);
  CHECK(advised == 0 || errno == EINVAL);
  for (size_t i = 0; i < 32 * MIB; i += 4096) p[i] = (char)(i >> 12);
  MUST(mprotect(p + 4 * MIB + 8192, 4096, PROT_READ));
  MUST(munmap(p + 6 * MIB + 4096, 4096));
  MUST(madvise(p + 8 * MIB + 4096, 8192, MADV_DONTNEED));
  MUST(mprotect(p + 10 * MIB, 2 * MIB, PROT_NONE));
  long sum = 0;
  for (size_t i = 0; i < 32 * MIB; i += 4096) {
    if (i == 6 * MIB + 4096 || (i >= 10 * MIB && i < 12 * MIB)) continue;
    sum += p[i] * (long)((i >> 12) % 17 + 1);
  }
  printf("sum %ld\n", sum);
  TRAP("read-only page", p, *(volatile char*)(p + 4 * MIB + 8192) = 1);
  TRAP("its neighbour", p, *(volatile char*)(p + 4 * MIB + 12288) = 1);
  TRAP("hole", p, *(volatile char*)(p + 6 * MIB + 4096) = 1);
  TRAP("none", p, (void)*(volatile char*)(p + 11 * MIB));
  CHECK(p[8 * MIB + 4096] == 0 && p[8 * MIB + 8192] == 0 && p[8 * MIB + 12288] == 3);
  MUST(mprotect(p + 10 * MIB, 2 * MIB, PROT_READ | PROT_WRITE));
  CHECK(p[11 * MIB] == (char)(11 * MIB >> 12));
  pid_t child = MUST(fork());
  if (!child) {
    for (size_t i = 12 * MIB; i < 32 * MIB; i += 4096) p[i] = 1;
    _exit(p[13 * MIB]);
  }
  reap("child", child);
  CHECK(p[13 * MIB] == (char)(13 * MIB >> 12) && p[32 * MIB - 4096] == (char)0xff);
  return guest_failed();
}
