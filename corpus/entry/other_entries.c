// Enters the kernel by other doors than SYSCALL: int 0x80, sysenter, 32-bit code segments, the vsyscall page.
// @technique T1055
// @weakness CWE-424
// @stopped-by ept
// @options {"policy":"compat"}
// @control native
// @control-done int 0x80
// @attempts 5
#include "../attack.h"

int main(void) {
  MUST_FAULT("int 0x80", {
    long r = 20;  // getpid of 32-bit programs
    __asm__ volatile("int $0x80" : "+a"(r)::"memory", "r8", "r9", "r10", "r11");
    if (r <= 0 || r != getpid()) raise(SIGSEGV);
  });
  IN_CHILD("sysenter", __asm__ volatile("mov %%rsp, %%rbp; mov $20, %%eax; sysenter" ::: "rax", "rbp", "memory"); if (getpid() > 0) _exit(1));
  // In 32-bit code SYSCALL goes to another entry on AMD's processors, and does not exist on Intel's.
  char* low = mmap((void*)0x10000000, 8192, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  CONTROL("low memory", low == MAP_FAILED ? -1 : 0);
  static const unsigned char syscall32[] = {0xb8, 20, 0, 0, 0, 0x0f, 0x05, 0xf4}, int80[] = {0xb8, 20, 0, 0, 0, 0xcd, 0x80, 0xf4};
  struct __attribute__((packed)) {
    unsigned offset;
    unsigned short selector;
  } target = {0x10000000, 0x23};
  memcpy(low, syscall32, sizeof syscall32);
  IN_CHILD("syscall of 32-bit code", __asm__ volatile("lea 4096(%1), %%rsp; ljmp *%0" ::"m"(target), "r"(low) : "memory"));
  memcpy(low, int80, sizeof int80);
  IN_CHILD("int 0x80 of 32-bit code", __asm__ volatile("lea 4096(%1), %%rsp; ljmp *%0" ::"m"(target), "r"(low) : "memory"));
  MUST_FAULT("write the vsyscall page", *(volatile char*)0xffffffffff600000 = 0);
  return 0;
}
