// System call numbers that are none: of the x32 interface, negative, with upper halves, far past the table.
// @technique T1106
// @weakness CWE-681
// @stopped-by gate
// @options {"policy":"default"}
// @control none: a native kernel knows none of them either
// @permits-compat 272 dressed as 110, 272 dressed as 100000110, 272 dressed as 8000000000000110, 272 dressed as ffffffff00000110
// @attempts 700
#include "../attack.h"

static long raw(unsigned long number, long a, long b, long c) {
  long result;
  __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
  return result;
}

int main(void) {
  char name[64];
  // Calls that the policy refuses must stay refused however their number is written.
  static const int refused[] = {SYS_ptrace, SYS_mount, SYS_init_module, SYS_unshare, SYS_bpf, SYS_setns, SYS_process_vm_readv};
  static const unsigned long dressed[] = {0, 1UL << 32, 1UL << 63, 0xffffffffUL << 32, 1UL << 31, 0x40000000};
  for (unsigned i = 0; i < sizeof refused / sizeof *refused; i++)
    for (unsigned k = 0; k < sizeof dressed / sizeof *dressed; k++) {
      snprintf(name, sizeof name, "%d dressed as %lx", refused[i], refused[i] | dressed[k]);
      long r = raw(refused[i] | dressed[k], 0, 0, 0);
      errno = r < 0 ? -r : 0;
      MUST_NOT(name, r >= 0, error_name());
    }
  for (int number = 512; number < 1200; number++) {
    long r = raw(number, -1, -1, -1);
    snprintf(name, sizeof name, "number %d", number);
    MUST_NOT(name, r != -ENOSYS, "ENOSYS");
  }
  MUST_NOT("number -1", raw(-1UL, 0, 0, 0) != -ENOSYS, "ENOSYS");
  MUST_NOT("least number", raw(1UL << 31, 0, 0, 0) != -ENOSYS, "ENOSYS");
  return 0;
}
