// getppid by a SYSCALL whose number is not in the code before it, so that it cannot be patched.
#include <sys/syscall.h>
#include <unistd.h>

#include "measure.h"

static inline long call(long nr) {
  long result;
  asm volatile("syscall" : "=a"(result) : "a"(nr) : "rcx", "r11", "memory");
  return result;
}

int main(void) {
  volatile long nr = SYS_getppid;
  MEASURE(20, 2000, call(nr));
}
