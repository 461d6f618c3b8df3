// Shows: half a gibibyte written and summed, in anonymous memory and in a shared file mapping.
// run: static ; timeout 60s
#include "guest.h"

int main(void) {
  size_t size = 256ul << 20;
  for (int shared = 0; shared < 2; shared++) {
    int fd = -1, flags = MAP_PRIVATE | MAP_ANONYMOUS;
    if (shared) {
      fd = MUST(memfd_create("large", 0));
      MUST(ftruncate(fd, (off_t)size));
      flags = MAP_SHARED;
    }
    uint64_t* p = MUST((uint64_t*)mmap(NULL, size, PROT_READ | PROT_WRITE, flags, fd, 0));
    for (size_t i = 0; i < size / 8; i++) p[i] = i * 0x9e3779b97f4a7c15;
    uint64_t sum = 0;
    for (size_t i = 0; i < size / 8; i++) sum ^= p[i] + i;
    printf("sum %lx\n", sum);
    MUST(munmap(p, size));
    if (shared) close(fd);
  }
  return 0;
}
