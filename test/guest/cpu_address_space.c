// Shows: addresses the program does not own fault alike everywhere: low, middle, around 2^46 and 2^47, kernel, not canonical.
#include "guest.h"

int main(void) {
  trap_install();
  uintptr_t addresses[] = {0, 0x1000, 0xf000, 0xffff, 0x110000, 0x3ffffffff000 - 0x1000000, 0x3fffffe00000, 0x3ffffffffff8, 0x400000000000,
                           0x500000000000, 0x600000000000, 0x7dfffffff000, 0x7e0000001000, 0x7e0000200000, 0x7ffffffff000, 0x7ffffffffff8,
                           0x800000000000, 0x1000000000000000, 0x7fffffffffffffff, 0x8000000000000000, 0xffff7fffffffffff,
                           0xffff800000000000, 0xffff888000000000, 0xffffffff81000000, 0xfffffffffffff000, 0xffffffffffffffff};
  for (unsigned i = 0; i < sizeof addresses / sizeof *addresses; i++) {
    char name[40];
    snprintf(name, sizeof name, "read %lx", addresses[i]);
    TRAP(name, 0, (void)*(volatile char*)addresses[i]);
    snprintf(name, sizeof name, "write %lx", addresses[i]);
    TRAP(name, 0, *(volatile char*)addresses[i] = 1);
    snprintf(name, sizeof name, "call %lx", addresses[i]);
    TRAP(name, 0, ((void (*)(void))addresses[i])());
  }
  char* p = MUST((char*)mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  MUST(munmap(p + 4096, 4096));
  TRAP("access across the end", p, *(volatile uint64_t*)(p + 4092) = 1);
  CHECK(*(volatile uint32_t*)(p + 4092) == 0);
  TRAP("string move across the end", p, __asm__ volatile("rep stosb" ::"D"(p + 4000), "c"(200), "a"(7) : "memory"));
  CHECK(p[4000] == 7 && p[4095] == 7);
  return guest_failed();
}
