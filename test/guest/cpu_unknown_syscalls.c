// Shows: numbers that are no system calls answer ENOSYS, whatever the arguments, and harm nothing.
#include "guest.h"

static long raw(long nr, long a, long b, long c, long d, long e, long f) {
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  register long r9 __asm__("r9") = f;
  long result;
  __asm__ volatile("syscall" : "=a"(result) : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
  return result;
}

int main(void) {
  long numbers[] = {337, 380, 423, 600, 1000, 4095, 65536, 0x7fffffff, 0x80000000, 0xffffffff, 0x100000000 + 600, -1, -2, -4096,
                    0x4000000000000000, 0x7fffffffffffffff, 0x40000000 + 1000, 511 + 0x1000};
  for (unsigned i = 0; i < sizeof numbers / sizeof *numbers; i++) {
    long one = raw(numbers[i], 0, 0, 0, 0, 0, 0), two = raw(numbers[i], -1, (long)main, 1l << 63, 8, -4096, 0x7fffffffffffffff);
    printf("%lx: %s %s\n", numbers[i], errno_name((int)-one), errno_name((int)-two));
  }
  int bad = 0;
  for (long nr = 1000; nr < 3000; nr++) bad += raw(nr, nr, nr, nr, nr, nr, nr) != -ENOSYS;
  printf("bad %d\n", bad);
  printf("upper half ignored: %d\n", raw(0x100000000 + SYS_getppid, 0, 0, 0, 0, 0, 0) == getppid());
  // Calls that Linux removed or never had.
  long gone[] = {SYS_create_module, SYS_get_kernel_syms, SYS_query_module, SYS_nfsservctl, SYS_getpmsg, SYS_putpmsg,
                 SYS_afs_syscall, SYS_tuxcall, SYS_security, SYS_set_thread_area, SYS_get_thread_area, SYS_vserver};
  for (unsigned i = 0; i < sizeof gone / sizeof *gone; i++) printf("%ld: %s\n", gone[i], errno_name((int)-raw(gone[i], 0, 0, 0, 0, 0, 0)));
  return 0;
}
