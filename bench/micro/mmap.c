// mmap, a write to each page, munmap, of 64 KiB.
#include <sys/mman.h>

#include "measure.h"

static void once(void) {
  volatile char* memory = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  for (int i = 0; i < 65536; i += 4096) memory[i] = 1;
  munmap((void*)memory, 65536);
}

int main(void) { MEASURE(10, 50, once()); }
