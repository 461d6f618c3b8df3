// Faults, traps and system calls with a stack pointer that is nobody's, the gate's or non-canonical.
// @technique T1499.004
// @weakness CWE-754
// @stopped-by ept
// @options {"policy":"compat"}
// @control none: what is shown is that nothing but the program itself is hurt
// @attempts 24
#include "../attack.h"

#define WITH_STACK(rsp, ...) __asm__ volatile("mov %0, %%rsp; " __VA_ARGS__ ::"r"((unsigned long)(rsp)) : "memory", "rax", "rcx", "r11")

int main(void) {
  static const unsigned long stacks[] = {0, 8, 0x7fffffffffff, 0x800000000000, 0xffffffffffffffff, SYSTEM_VA, SYSTEM_VA + 0x200ff0, ARENA_END};
  char name[64];
  for (int i = 0; i < 8; i++) {
    unsigned long rsp = stacks[i];
    snprintf(name, sizeof name, "breakpoint at %lx", rsp);
    IN_CHILD(name, WITH_STACK(rsp, "int3"));
    snprintf(name, sizeof name, "illegal instruction at %lx", rsp);
    IN_CHILD(name, WITH_STACK(rsp, "ud2"));
    snprintf(name, sizeof name, "push at %lx", rsp);
    IN_CHILD(name, WITH_STACK(rsp, "push %%rax; push %%rax"));
    snprintf(name, sizeof name, "signal at %lx", rsp);
    // kill(getpid(), SIGUSR1) without a stack, with a handler that needs one.
    IN_CHILD(name, {
      signal(SIGUSR1, (sighandler_t)exit);
      register long id __asm__("rdi") = getpid();
      register long number __asm__("rsi") = SIGUSR1;
      __asm__ volatile("mov %0, %%rsp; mov $62, %%eax; syscall; ud2" ::"r"(rsp), "r"(id), "r"(number) : "memory", "rax", "rcx", "r11");
    });
  }
  return 0;
}
