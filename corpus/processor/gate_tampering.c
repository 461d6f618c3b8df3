// Maps over, protects, unmaps and writes by system calls the addresses of the gate's pages.
// @technique T1611
// @weakness CWE-119
// @stopped-by gate
// @options {"policy":"compat"}
// @control none: natively there is nothing at these addresses
// @attempts 9
#include "../attack.h"

int main(void) {
  char* gate = (char*)SYSTEM_VA;
  int memory = open("/proc/self/mem", O_RDWR);
  for (int i = 0; i < 3; i++) {
    char* p = gate + (i == 0 ? 0 : i == 1 ? 0x1000 : 0x200000);
    void* mapped = mmap(p, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    ATTEMPT("map over", mapped == MAP_FAILED ? -1 : 0);
    ATTEMPT("protect", mprotect(p, 4096, PROT_READ | PROT_WRITE));
    ATTEMPT("write by read(2)", read(open("/dev/zero", O_RDONLY | O_CLOEXEC), p, 16));
    if (memory >= 0) ATTEMPT("write by mem", pwrite(memory, "attack", 6, (off_t)p));
    munmap(p, 4096);
  }
  // It is still the gate.
  CONTROL("a system call", getppid() >= 0 ? 0 : -1);
  return 0;
}
