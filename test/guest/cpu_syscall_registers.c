// Shows: a system call changes rax, rcx (return address) and r11 (flags) only; the red zone and flags survive.
#include "guest.h"

uint64_t before[16], after[16], after_flags;  // named by the assembly
// Loads every register with a pattern, does system call `nr`, stores every register.
__attribute__((naked)) static void probe(long nr UNUSED, uint64_t flags UNUSED) {
  __asm__ volatile(
      "push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
      "pushfq\n"
      "mov %rdi, %rax\n"
      "push %rsi; popfq\n"
      "movq $0x5a5a, -8(%rsp); movq $0x1234, -128(%rsp)\n"
      "mov $0x1111111111111111, %rbx; mov $0x2222, %rbp; mov $0x3333333333333333, %r12\n"
      "mov $0x4444, %r13; mov $0x5555555555555555, %r14; mov $0x6666, %r15\n"
      "mov $-1, %rdi; mov $0, %rsi; mov $0x7777, %rdx; mov $0x8888888888888888, %r10; mov $0x9999, %r8; mov $0xaaaa, %r9\n"
      "mov $0xbbbb, %rcx; mov $0xcccc, %r11\n"
      "mov %rsp, before(%rip)\n"
      "syscall\n"
      "1: mov %rsp, after(%rip)\n"
      "mov %rax, 8+after(%rip); mov %rbx, 16+after(%rip); mov %rcx, 24+after(%rip); mov %rdx, 32+after(%rip)\n"
      "mov %rsi, 40+after(%rip); mov %rdi, 48+after(%rip); mov %rbp, 56+after(%rip); mov %r8, 64+after(%rip)\n"
      "mov %r9, 72+after(%rip); mov %r10, 80+after(%rip); mov %r11, 88+after(%rip); mov %r12, 96+after(%rip)\n"
      "mov %r13, 104+after(%rip); mov %r14, 112+after(%rip); mov %r15, 120+after(%rip)\n"
      "mov -8(%rsp), %rax; mov %rax, 8+before(%rip); mov -128(%rsp), %rax; mov %rax, 16+before(%rip)\n"
      "lea 1b(%rip), %rax; mov %rax, 24+before(%rip)\n"
      "pushfq; pop %rax; mov %rax, after_flags(%rip)\n"
      "popfq\n"
      "cld\n"
      "pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
      "ret");
}

int main(void) {
  long numbers[] = {SYS_getppid, SYS_close, SYS_sched_yield, 99999, -1, SYS_rt_sigprocmask, SYS_fcntl};
  uint64_t flags[] = {0x202, 0x202 | 0xc1, 0x202 | 0x400, 0x202 | 0x810, 0x202 | 0x40000};  // plain, SZC, DF, OA, AC
  for (unsigned n = 0; n < sizeof numbers / sizeof *numbers; n++) {
    for (unsigned f = 0; f < sizeof flags / sizeof *flags; f++) {
      memset(after, 0, sizeof after);
      probe(numbers[n], flags[f]);
      int good = after[0] == before[0] && after[2] == 0x1111111111111111 && after[4] == 0x7777 && after[5] == 0 &&
                 after[6] == ~0ul && after[7] == 0x2222 && after[8] == 0x9999 && after[9] == 0xaaaa &&
                 after[10] == 0x8888888888888888 && after[12] == 0x3333333333333333 && after[13] == 0x4444 &&
                 after[14] == 0x5555555555555555 && after[15] == 0x6666;
      long result = (long)after[1];
      printf("%ld flags %lx: kept %d rcx %d r11 %lx flags %lx red zone %d result %s\n", numbers[n], flags[f], good,
             after[3] == before[3], after[11], after_flags, before[1] == 0x5a5a && before[2] == 0x1234,
             result < 0 ? errno_name((int)-result) : "ok");
    }
  }
  return 0;
}
